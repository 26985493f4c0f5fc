import { CMD_STATUS, type CommandStatus } from '../prm/commands.ts';

/**
 * What a command was refused for: status and syndrome of its answer. Syndromes of the product are not public;
 * these are our own, one per cause.
 */
export const REFUSAL = {
  unknownOpcode: [CMD_STATUS.BAD_OP, 0x0b0001],
  inputTooShort: [CMD_STATUS.BAD_INP_LEN, 0x0b0002],
  outputTooShort: [CMD_STATUS.BAD_OUTP_LEN, 0x0b0003],
  unknownUser: [CMD_STATUS.BAD_RES, 0x0b0004],
  unknownObjectType: [CMD_STATUS.BAD_PARAM, 0x0b0005],
  noSuchObject: [CMD_STATUS.BAD_RES, 0x0b0006],
  notYourObject: [CMD_STATUS.BAD_RES, 0x0b0007],
  objectInUse: [CMD_STATUS.RES_BUSY, 0x0b0008],
  limit: [CMD_STATUS.LIM, 0x0b0009],
  unknownCapability: [CMD_STATUS.BAD_PARAM, 0x0b000a],
  queueIndex: [CMD_STATUS.BAD_PARAM, 0x0c0001],
  queueIndexTaken: [CMD_STATUS.NO_RES, 0x0c0002],
  queueSize: [CMD_STATUS.BAD_PARAM, 0x0c0003],
  queueType: [CMD_STATUS.BAD_PARAM, 0x0c0004],
  queueFeatures: [CMD_STATUS.BAD_PARAM, 0x0c0005],
  queueAreas: [CMD_STATUS.BAD_PARAM, 0x0c0006],
  queueUmem: [CMD_STATUS.BAD_PARAM, 0x0c0007],
  queueEvents: [CMD_STATUS.BAD_PARAM, 0x0c0008],
  queueTransition: [CMD_STATUS.BAD_RES_STATE, 0x0c0009],
  queueRuns: [CMD_STATUS.BAD_RES_STATE, 0x0c000a],
  queueMask: [CMD_STATUS.BAD_PARAM, 0x0c000b],
  queueMixed: [CMD_STATUS.BAD_RES_STATE, 0x0c000c],
  queueKey: [CMD_STATUS.BAD_PARAM, 0x0c000d],
  keyMode: [CMD_STATUS.BAD_PARAM, 0x0d0001],
  keyList: [CMD_STATUS.BAD_PARAM, 0x0d0002],
  keyLength: [CMD_STATUS.BAD_PARAM, 0x0d0003],
  keyOfKeys: [CMD_STATUS.BAD_PARAM, 0x0d0004],
  pages: [CMD_STATUS.BAD_PARAM, 0x0d0005],
  eventQueue: [CMD_STATUS.BAD_PARAM, 0x0e0001],
  queuePairState: [CMD_STATUS.BAD_QP_STATE, 0x0e0002],
  tableSize: [CMD_STATUS.BAD_PARAM, 0x0f0001],
  tableType: [CMD_STATUS.BAD_PARAM, 0x0f0002],
  hash: [CMD_STATUS.BAD_PARAM, 0x0f0003],
  flowIndex: [CMD_STATUS.BAD_PARAM, 0x0f0004],
  flowAction: [CMD_STATUS.BAD_PARAM, 0x0f0005],
  flowMatch: [CMD_STATUS.BAD_PARAM, 0x0f0006],
} as const satisfies Record<string, readonly [CommandStatus, number]>;
export type Refusal = keyof typeof REFUSAL;

/** A command that is refused; nothing has changed. */
export class CommandRefused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal);
    this.refusal = refusal;
  }
}

/** @throws CommandRefused unless `holds` */
export function demand(holds: boolean, refusal: Refusal): void {
  if (!holds) throw new CommandRefused(refusal);
}
