import type { DriverMemory } from '../driver-memory.ts';
import { ANSWER, HEADER, LENGTH, OPCODE } from '../prm/commands.ts';
import { EQE_SIZE } from '../prm/completion.ts';
import { getField, putField } from '../prm/fields.ts';
import { FLOW_ENTRY_SIZE, FLOW_GROUP_SIZE, L2_ENTRY_SIZE } from '../prm/steering.ts';
import { queryCapability, queryNicVportContext, queryVportState } from './capabilities.ts';
import {
  type CompletionQueue,
  createCompletionQueue,
  createQueuePair,
  destroyCompletionQueue,
  destroyQueuePair,
  moveQueuePair,
  QP_STATE,
  type QueuePair,
} from './completion.ts';
import type { DataEngine } from './data-engine.ts';
import { CommandRefused, demand, REFUSAL } from './failure.ts';
import { createMemoryKey, destroyMemoryKey, MemoryKeys, querySpecialContexts } from './memory-keys.ts';
import {
  type CounterSet,
  createGeneralObject,
  destroyGeneralObject,
  modifyGeneralObject,
  type NetQueue,
  queryGeneralObject,
} from './net-queues.ts';
import { type FirmwareObject, ObjectTable } from './objects.ts';
import { allocate, createUmem, destroyUmem, release, type Umem } from './plain-objects.ts';
import type { FunctionShape } from './shape.ts';
import * as steering from './steering.ts';

/** One command under way. */
export interface Command {
  readonly input: Uint8Array;
  readonly output: Uint8Array;
  /** User context; 0 is the core driver. */
  readonly uid: number;
}

type Handler = (firmware: Firmware, command: Command) => void;

/** What serves each opcode, and how long its input is at least. */
const HANDLERS: ReadonlyMap<number, readonly [handler: Handler, length: number]> = new Map([
  [OPCODE.QUERY_HCA_CAP, [queryCapability, LENGTH.plain]],
  [OPCODE.CREATE_MKEY, [createMemoryKey, LENGTH.list]],
  [OPCODE.DESTROY_MKEY, [destroyMemoryKey, LENGTH.plain]],
  [OPCODE.QUERY_SPECIAL_CONTEXTS, [querySpecialContexts, LENGTH.plain]],
  [OPCODE.CREATE_CQ, [createCompletionQueue, LENGTH.list + 8]],
  [OPCODE.DESTROY_CQ, [destroyCompletionQueue, LENGTH.plain]],
  [OPCODE.CREATE_QP, [createQueuePair, LENGTH.list]],
  [OPCODE.DESTROY_QP, [destroyQueuePair, LENGTH.plain]],
  [OPCODE.RST2INIT_QP, [moveQueuePair(QP_STATE.RST, QP_STATE.INIT), LENGTH.list]],
  [OPCODE.INIT2RTR_QP, [moveQueuePair(QP_STATE.INIT, QP_STATE.RTR), LENGTH.list]],
  [OPCODE.RTR2RTS_QP, [moveQueuePair(QP_STATE.RTR, QP_STATE.RTS), LENGTH.list]],
  [OPCODE.QP_2RST, [moveQueuePair(null, QP_STATE.RST), LENGTH.plain]],
  [OPCODE.QUERY_VPORT_STATE, [queryVportState, LENGTH.plain]],
  [OPCODE.QUERY_NIC_VPORT_CONTEXT, [queryNicVportContext, LENGTH.plain]],
  [OPCODE.ALLOC_PD, [allocate('protectionDomains'), LENGTH.plain]],
  [OPCODE.DEALLOC_PD, [release('protectionDomains'), LENGTH.plain]],
  [OPCODE.ALLOC_UAR, [allocate('uars'), LENGTH.plain]],
  [OPCODE.DEALLOC_UAR, [release('uars'), LENGTH.plain]],
  [OPCODE.ALLOC_TRANSPORT_DOMAIN, [allocate('transportDomains'), LENGTH.plain]],
  [OPCODE.DEALLOC_TRANSPORT_DOMAIN, [release('transportDomains'), LENGTH.plain]],
  [OPCODE.CREATE_UCTX, [allocate('users'), LENGTH.plain]],
  [OPCODE.DESTROY_UCTX, [release('users'), LENGTH.plain]],
  [OPCODE.CREATE_UMEM, [createUmem, 0x38]],
  [OPCODE.DESTROY_UMEM, [destroyUmem, LENGTH.plain]],
  [OPCODE.SET_L2_TABLE_ENTRY, [steering.setL2Entry, L2_ENTRY_SIZE]],
  [OPCODE.DELETE_L2_TABLE_ENTRY, [steering.deleteL2Entry, L2_ENTRY_SIZE]],
  [OPCODE.CREATE_TIR, [steering.createReceiveInterface, LENGTH.tir]],
  [OPCODE.DESTROY_TIR, [steering.destroyReceiveInterface, LENGTH.plain]],
  [OPCODE.CREATE_TIS, [steering.createTransmitInterface, LENGTH.tis]],
  [OPCODE.DESTROY_TIS, [steering.destroyTransmitInterface, LENGTH.plain]],
  [OPCODE.CREATE_RQT, [steering.createReceiveTable, LENGTH.list]],
  [OPCODE.MODIFY_RQT, [steering.modifyReceiveTable, LENGTH.list]],
  [OPCODE.DESTROY_RQT, [steering.destroyReceiveTable, LENGTH.plain]],
  [OPCODE.CREATE_FLOW_TABLE, [steering.createFlowTable, LENGTH.flowTable]],
  [OPCODE.DESTROY_FLOW_TABLE, [steering.destroyFlowTable, LENGTH.flowTable]],
  [OPCODE.CREATE_FLOW_GROUP, [steering.createFlowGroup, FLOW_GROUP_SIZE]],
  [OPCODE.DESTROY_FLOW_GROUP, [steering.destroyFlowGroup, LENGTH.flowTable]],
  [OPCODE.SET_FLOW_TABLE_ENTRY, [steering.setFlowEntry, FLOW_ENTRY_SIZE]],
  [OPCODE.DELETE_FLOW_TABLE_ENTRY, [steering.deleteFlowEntry, LENGTH.flowTable]],
  [OPCODE.CREATE_GENERAL_OBJECT, [createGeneralObject, LENGTH.plain]],
  [OPCODE.MODIFY_GENERAL_OBJECT, [modifyGeneralObject, LENGTH.plain]],
  [OPCODE.QUERY_GENERAL_OBJECT, [queryGeneralObject, LENGTH.plain]],
  [OPCODE.DESTROY_GENERAL_OBJECT, [destroyGeneralObject, LENGTH.plain]],
]);

/** The shortest answer: status, syndrome, number, and a dword. */
const ANSWER_SIZE = 0x10;

/**
 * The firmware of a function: objects, and the commands that make, change and remove them. A command is checked
 * completely before it changes anything.
 */
export class Firmware {
  readonly shape: FunctionShape;
  readonly engine: DataEngine;
  readonly memory: DriverMemory;
  readonly users = new ObjectTable<FirmwareObject>();
  readonly protectionDomains = new ObjectTable<FirmwareObject>();
  readonly transportDomains = new ObjectTable<FirmwareObject>();
  readonly uars = new ObjectTable<FirmwareObject>();
  readonly umems = new ObjectTable<Umem>();
  readonly memoryKeys = new MemoryKeys();
  readonly completionQueues = new ObjectTable<CompletionQueue>();
  readonly queuePairs = new ObjectTable<QueuePair>();
  readonly netQueues = new ObjectTable<NetQueue>();
  readonly counterSets = new ObjectTable<CounterSet>();
  readonly tis = new ObjectTable<FirmwareObject>();
  readonly receiveTables = new ObjectTable<steering.ReceiveTable>();
  readonly receiveInterfaces = new ObjectTable<steering.ReceiveInterface>();
  readonly flowTables = new ObjectTable<steering.FlowTable>();
  readonly flowGroups = new ObjectTable<steering.FlowGroup>();
  /** Destination addresses that the switch sends to this function, by table index. */
  readonly l2Table = new Map<number, number>();
  /** Set by the driver: an event queue entry of 64 bytes has arrived. */
  onEvent: ((entry: Uint8Array) => void) | null = null;

  constructor(shape: FunctionShape, engine: DataEngine, memory: DriverMemory) {
    this.shape = shape;
    this.engine = engine;
    this.memory = memory;
  }

  /**
   * Carry out the command in `input`, all of it big-endian. Returns the answer: `outputLength` bytes, at least 16,
   * with the status in byte 0 and the syndrome in bytes 4 to 7.
   */
  execute(input: Uint8Array, outputLength: number): Uint8Array {
    const output = new Uint8Array(Math.max(outputLength, ANSWER_SIZE));
    try {
      this.dispatch(input, output, outputLength);
    } catch (error) {
      if (!(error instanceof CommandRefused)) throw error;
      const [status, syndrome] = REFUSAL[error.refusal];
      output.fill(0);
      putField(output, 0, ANSWER.status, status);
      putField(output, 0, ANSWER.syndrome, syndrome);
    }
    return output;
  }

  dispatch(input: Uint8Array, output: Uint8Array, outputLength: number): void {
    demand(input.length >= LENGTH.plain, 'inputTooShort');
    const entry = HANDLERS.get(getField(input, 0, HEADER.opcode));
    if (entry === undefined) throw new CommandRefused('unknownOpcode');
    const [handler, length] = entry;
    demand(input.length >= length, 'inputTooShort');
    demand(outputLength >= ANSWER_SIZE, 'outputTooShort');
    const uid = getField(input, 0, HEADER.uid);
    demand(uid === 0 || this.users.find(uid) !== undefined, 'unknownUser');
    handler(this, { input, output, uid });
  }

  /** The object that runs virtqueue `index`. */
  queueAt(index: number): NetQueue | undefined {
    return this.engine.objects[index];
  }

  /** Tell the driver of an event. */
  event(fill: (entry: Uint8Array) => void): void {
    if (this.onEvent === null) return;
    const entry = new Uint8Array(EQE_SIZE);
    fill(entry);
    this.onEvent(entry);
  }
}
