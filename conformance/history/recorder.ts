import type { DmaFault, HostMemory, MemoryTracer } from '../../framework/memory/host-memory.ts';
import type { HistoryEvent } from './events.ts';

/** Events one case may produce before it is cut off: a device that floods the history is a finding. */
export const MAX_EVENTS = 400_000;

/** Thrown when a history outgrows {@link MAX_EVENTS}. */
export class HistoryOverflow extends Error {
  readonly code = 'HISTORY_OVERFLOW';
}

/** Collects the events of one run, device stores included. */
export class Recorder implements MemoryTracer {
  readonly events: HistoryEvent[] = [];
  readonly #memory: HostMemory;
  readonly traceReads: boolean;
  readonly #hidden: [number, number][] = [];

  constructor(memory: HostMemory, traceReads = false) {
    this.#memory = memory;
    this.traceReads = traceReads;
  }

  push(event: HistoryEvent): void {
    if (this.events.length >= MAX_EVENTS)
      throw new HistoryOverflow(`more than ${MAX_EVENTS} events in one case`);
    this.events.push(event);
  }

  /** Take back the latest event of a call to `op`: it did not reach the device. */
  withdraw(op: string): void {
    const at = this.events.findLastIndex((event) => event.k === 'op' && event.op === op);
    if (at >= 0) this.events.splice(at, 1);
  }

  /** Stores into `room` are nobody's business from here on: the monitor uses it, not the driver. */
  hide(room: { pa: number; size: number }): void {
    this.#hidden.push([room.pa, room.pa + room.size]);
  }

  wrote(pa: number, n: number): void {
    if (this.#hidden.length > 0 && this.#hidden.some(([from, end]) => pa >= from && pa + n <= end)) return;
    this.push({ k: 'store', pa, n, v: this.#value(pa, n) });
  }

  read(pa: number, n: number): void {
    this.push({ k: 'load', pa, n });
  }

  fault(fault: DmaFault): void {
    this.push({ k: 'fault', iova: fault.iova, n: fault.length, access: fault.access, why: fault.reason });
  }

  /** What a small store left in memory; undefined for other sizes. */
  #value(pa: number, n: number): number | number[] | undefined {
    const { view } = this.#memory;
    switch (n) {
      case 1:
        return view.getUint8(pa);
      case 2:
        return view.getUint16(pa, true);
      case 4:
        return view.getUint32(pa, true);
      case 8:
        return [view.getUint32(pa, true), view.getUint32(pa + 4, true)];
      case 16:
        return [0, 4, 8, 12].map((at) => view.getUint32(pa + at, true));
      default:
        return undefined;
    }
  }
}
