import { EVENT_MODE } from '../prm/net-queue.ts';

/** What may differ from one function to the next. */
export interface FunctionShape {
  /** Data queues. */
  readonly maxQueues: number;
  readonly maxQueueSize: number;
  /** 13-bit mask of what queue objects can do. */
  readonly features: number;
  /** Bit for each event mode. */
  readonly eventModes: number;
  /** Interrupt vectors that queues can have. */
  readonly vectors: number;
  /** A suspended queue can run again. */
  readonly freezeToReady: boolean;
  /** Ring areas can have a memory key of their own. */
  readonly descGroup: boolean;
  /** Bytes that the firmware wants in each of three umems: a for each descriptor, and b. */
  readonly umemParams: readonly (readonly [a: number, b: number])[];
  readonly mac: Uint8Array;
  /** Longest frame of the port: MTU of the network layer and 22 bytes. */
  readonly portMtu: number;
}

/** Link layer header, VLAN tag and check sequence. */
export const PORT_OVERHEAD = 22;

export const UMEM_PARAMS: FunctionShape['umemParams'] = [
  [64, 4096],
  [32, 1024],
  [16, 512],
];

/** Completions by queue pair, or by vector of one's own as well. */
export const EVENT_MODES = {
  qp: 1 << EVENT_MODE.QP,
  msix: (1 << EVENT_MODE.QP) | (1 << EVENT_MODE.MSIX),
} as const;
