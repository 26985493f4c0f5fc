import { type DevicePort, DmaFault } from '../../../framework/memory/host-memory.ts';
import type { TakenFrame } from '../../../framework/peer.ts';
import { CELL, type Channel, ENTRY_HEAD, ENTRY_KIND } from '../channel.ts';

/** Receives the interrupts that a daemon injected, the frames that it sent, and its ioctls that it does not wait for. */
export interface JournalSink {
  injectQueue(idx: number): void;
  injectConfig(): void;
  frame(frame: TakenFrame): void;
  posted(request: number, argument: DataView): void;
}

const REASONS = ['unmapped', 'permission', 'bus'] as const;

/** Carry over to host memory what the daemon did to the shared one, in its order, and empty the journal. */
export function replay({ cells, journal }: Channel, port: DevicePort, sink: JournalSink): void {
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
      case ENTRY_KIND.FRAME: {
        const text = new TextDecoder().decode(bytes.slice(at, at + addr));
        const frame = { bytes: bytes.slice(at + addr, at + length), queue: detail };
        sink.frame(text === '' ? frame : { ...frame, meta: JSON.parse(text) });
        at += (length + 7) & ~7;
        break;
      }
      case ENTRY_KIND.IOCTL:
        sink.posted(detail, new DataView(journal.buffer, journal.byteOffset + at, length));
        at += (length + 7) & ~7;
        break;
      default:
        sink.injectConfig();
    }
  }
  cells[CELL.JOURNAL] = 0;
}
