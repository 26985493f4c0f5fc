import { macsOf } from '../../kits/net-probes.ts';
import { controlQueue } from '../../session/bring-up.ts';
import type { Buffer, Part } from '../../session/buffers.ts';
import { addOptions } from '../../session/requests.ts';
import type { Session } from '../../session/session.ts';
import { concat } from '../buffer-steps.ts';
import { oneOf } from '../step.ts';

export type Layout = 'C1' | 'C2' | 'C3' | 'C4';

export interface MacTables {
  unicast?: string | string[];
  multicast?: string | string[];
}

const le32 = (n: number) => Uint8Array.of(n & 0xff, (n >> 8) & 0xff, (n >> 16) & 0xff, n >>> 24);

export function tableBytes(session: Session, tables: MacTables): Uint8Array {
  const half = (names: string | string[] | undefined) => {
    const macs = [names ?? []].flat().flatMap((name) => macsOf(session, name));
    return concat([le32(macs.length), ...macs]);
  };
  return concat([half(tables.unicast), half(tables.multicast)]);
}

/** Sizes of the readable parts of a command of `length` bytes. */
function readCuts(lay: Layout, length: number): number[] {
  if (lay === 'C1') return [length];
  if (lay === 'C3') return [1, 1, 1, length - 3].filter((n, i) => n > 0 && (i < 2 || length > 2));
  return [2, length - 2].filter((n) => n > 0);
}

/** Write a command into the control queue and make it available. */
export function postCommand(
  session: Session,
  bytes: Uint8Array,
  lay: Layout,
  name = '',
  cut?: readonly number[] | number,
): Buffer {
  const queue = controlQueue(session);
  session.queues.must(queue);
  const parts: Part[] = [];
  let at = 0;
  const sizes = typeof cut === 'number' ? new Array(Math.ceil(bytes.length / cut)).fill(cut) : cut;
  for (const size of sizes ?? readCuts(lay, bytes.length)) {
    // An element without a byte is nothing that every device takes; framing is not about those.
    if (size === 0 || at >= bytes.length) continue;
    parts.push({ read: bytes.subarray(at, at + size) });
    at += size;
  }
  if (at < bytes.length) parts.push({ read: bytes.subarray(at) });
  parts.push({ write: 1 });
  const buffer = session.buffers.create(queue, name, parts);
  session.queues.add(buffer, addOptions(session, { indirect: lay === 'C4' }, parts.length));
  session.queues.publish(queue);
  return buffer;
}

/** Let the device work one unit at a time, no further than to the moment when `until` holds. */
export function workUntil(session: Session, until: () => boolean): void {
  for (let i = 0; i < 32; i++) {
    if (until()) return;
    session.pump(1);
  }
  if (!until()) session.quiet();
  until();
}

export const LAYOUT = oneOf('C1', 'C2', 'C3', 'C4');
