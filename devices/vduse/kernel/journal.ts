import { type DevicePort, DmaFault } from '../../../framework/memory/host-memory.ts';
import { CELL, type Channel, ENTRY_HEAD, ENTRY_KIND } from '../channel.ts';

/** Receives the interrupts that a daemon injected. */
export interface InterruptSink {
  injectQueue(idx: number): void;
  injectConfig(): void;
}

const REASONS = ['unmapped', 'permission', 'bus'] as const;

/** Carry over to host memory what the daemon did to the shared one, in its order, and empty the journal. */
export function replay({ cells, journal }: Channel, port: DevicePort, sink: InterruptSink): void {
  const end = cells[CELL.JOURNAL];
  const bytes = new Uint8Array(journal.buffer, journal.byteOffset, journal.byteLength);
  for (let at = 0; at < end; ) {
    const kind = journal.getUint32(at, true);
    const length = journal.getUint32(at + 4, true);
    const addr = journal.getFloat64(at + 8, true);
    const detail = journal.getUint32(at + 16, true);
    at += ENTRY_HEAD;
    switch (kind) {
      case ENTRY_KIND.STORE:
        port.store(addr, bytes, at, length);
        at += (length + 7) & ~7;
        break;
      case ENTRY_KIND.LOAD:
        port.checkLoad(addr, length);
        break;
      case ENTRY_KIND.FAULT:
        port.refuse(new DmaFault(addr, length, (detail & 1) === 1 ? 'write' : 'read', REASONS[detail >> 1]));
        break;
      case ENTRY_KIND.VQ_IRQ:
        sink.injectQueue(detail);
        break;
      default:
        sink.injectConfig();
    }
  }
  cells[CELL.JOURNAL] = 0;
}
