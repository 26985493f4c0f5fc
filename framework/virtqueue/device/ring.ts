import type { Iova, VqState } from '../../device.ts';
import { OutcomeError } from '../../outcome-error.ts';

/** Why a chain or a ring cannot be processed. One per cause, so that reports can name it. */
export type RingErrorCode =
  | 'avail-index-jump' // the avail index moved by more than the queue size
  | 'queue-overrun' // more buffers available than the queue can hold beside those not used yet
  | 'head-out-of-range' // an avail ring entry names no descriptor
  | 'next-out-of-range' // `next` points outside the table
  | 'chain-too-long' // more descriptors than the queue size: a loop, or an oversized list
  | 'indirect-not-negotiated' // INDIRECT flag without VIRTIO_F_INDIRECT_DESC
  | 'indirect-nested' // INDIRECT inside an indirect table
  | 'indirect-with-next' // INDIRECT together with NEXT, or inside a packed list
  | 'indirect-length' // table length zero or no multiple of 16
  | 'indirect-too-long' // more entries than the queue allows
  | 'readable-after-writable' // a device-readable descriptor follows a device-writable one
  | 'dma-fault'; // a ring, table or descriptor access was refused

/** A malformed ring. For `dma-fault`, `cause` is the refused access. */
export class RingError extends OutcomeError {
  readonly code: RingErrorCode;
  constructor(code: RingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RingError';
    this.code = code;
  }
}

/**
 * One buffer that the device took from a ring. Pooled: valid until it is pushed back; never kept afterwards.
 * Elements 0..readable-1 are device-readable, the following `writable` ones device-writable, in chain order.
 */
export interface DeviceBuffer {
  /** Split: head index. Packed: Buffer ID. */
  id: number;
  /** Ring slots (packed) that the buffer occupies; 1 for an indirect one; split: always 1. */
  slots: number;
  readable: number;
  writable: number;
  /** IOVA of each element. */
  readonly addr: Iova[];
  /** Length of each element in bytes. */
  readonly len: number[];
}

/** Where and how a queue runs, fixed when it becomes ready. */
export interface DeviceRingConfig {
  num: number;
  descArea: Iova;
  driverArea: Iova;
  deviceArea: Iova;
  eventIdx: boolean;
  indirect: boolean;
  inOrder: boolean;
}

/** The device side of a virtqueue. Every method that touches memory throws {@link RingError} and nothing else. */
export interface DeviceRing {
  readonly config: DeviceRingConfig;
  /** Buffers popped and not pushed back yet. */
  readonly outstanding: number;
  /**
   * Take the next available buffer, or null when there is none.
   * @throws RingError when the ring or the chain is malformed; the position does not move
   */
  pop(): DeviceBuffer | null;
  /**
   * Give a buffer back with `written` bytes stored from its first writable byte on.
   * The used entry becomes visible only with {@link publish}.
   */
  push(buffer: DeviceBuffer, written: number): void;
  /** Make everything pushed since the last call visible to the driver. */
  publish(): void;
  /** Whether the driver wants a notification for what was published since the last call (2.6.7, 2.7.10). */
  needsNotification(): boolean;
  /**
   * Ask the driver for kicks, then report whether buffers became available meanwhile. Call it once before the
   * first kick is expected: with EVENT_IDX a queue that does not start at 0 has no event position before.
   */
  enableKicks(): boolean;
  /** Tell the driver that kicks are not needed while the device is busy. */
  disableKicks(): void;
  /** Whether a buffer is available, without taking it. */
  hasAvailable(): boolean;
  /**
   * The position for `getVqState`: where a successor must start so that nothing is lost. Buffers that were
   * popped, or pushed without {@link publish}, count as not taken. Exact when buffers are used in order or
   * when nothing is outstanding; a device that completes out of order drains first.
   */
  state(): VqState;
}

/** Sum of the lengths of the readable elements of `buffer`, in bytes. */
export function readableBytes(buffer: DeviceBuffer): number {
  let sum = 0;
  for (let i = 0; i < buffer.readable; i++) sum += buffer.len[i];
  return sum;
}

/** Sum of the lengths of the writable elements of `buffer`, in bytes. */
export function writableBytes(buffer: DeviceBuffer): number {
  let sum = 0;
  for (let i = buffer.readable; i < buffer.readable + buffer.writable; i++) sum += buffer.len[i];
  return sum;
}
