import { between, chance, type Draw, pick, weighted } from '../../draw.ts';
import { step } from '../../strategy.ts';
import type { View } from '../../view.ts';
import { type Frame, room } from './frame.ts';

/** What is sent, with which header, what arrives, and the requirement about it. */
interface Sent {
  hdr: Record<string, unknown>;
  frame: Frame;
  arrives: Frame;
  /** The device may as well drop it. */
  droppable?: boolean;
  rule: string;
}

function payloadSize(view: View, draw: Draw): number {
  const most = room(view);
  return pick(draw, [0, 1, 17, 64, 99, 100, 101, between(draw, 0, most), between(draw, 0, most), most]);
}

/** A packet that leaves as it is; the header may hold what means nothing without flags. */
function plainPacket(view: View, draw: Draw, features: readonly string[]): Sent {
  const kind = pick(draw, ['t4', 't6', 'u4', 'u6', 'eth'] as const);
  const size = kind === 'eth' ? Math.max(46, payloadSize(view, draw)) : payloadSize(view, draw);
  const frame = { [kind]: size, ...(chance(draw, 25) ? { vlan: between(draw, 0, 4094) } : {}) };
  const places = [0, 1, 6, 14, 16, 0x22, 0x36, 0x99, 0xffff];
  const odd: Record<string, unknown> = chance(draw, 60)
    ? { csum_start: pick(draw, places), csum_offset: pick(draw, places) }
    : {};
  if (kind !== 'eth' && chance(draw, 15)) {
    const bad = { ...frame, sum: 'bad' };
    return { hdr: {}, frame: bad, arrives: bad, droppable: true, rule: 'V1.1-5.1.6.2.2-D2' };
  }
  if (Object.keys(odd).length > 0) return { hdr: odd, frame, arrives: frame, rule: 'V1.1-5.1.6.2.2-D2' };
  if (features.includes('net.CSUM') && chance(draw, 50)) {
    const flags = pick(draw, [0x08, 0x10, 0x20, 0x40, 0x80, 0xf8]);
    return { hdr: { flags }, frame, arrives: frame, rule: 'V1.1-5.1.6.2.2-D1' };
  }
  return { hdr: {}, frame, arrives: frame, rule: 'P1.1-027e' };
}

/** A packet whose checksum the device has to complete. */
function partialPacket(view: View, draw: Draw): Sent {
  const kind = pick(draw, ['t4', 't6', 'u4'] as const);
  const vlan = chance(draw, 25) ? { vlan: between(draw, 0, 4094) } : {};
  const options = kind === 't4' && chance(draw, 20) ? { options: 12 } : {};
  // A sum that comes out as 0 is a case of its own for UDP.
  const end = kind === 'u4' && chance(draw, 20) ? { size: 100, end: '92 68' } : {};
  const { size = payloadSize(view, draw), ...tail } = end as { size?: number; end?: string };
  const frame = { [kind]: size, ...vlan, ...options, ...tail };
  const l4 = (vlan.vlan === undefined ? 14 : 18) + (kind === 't6' ? 40 : 20);
  const hdr = {
    is: kind === 'u4' ? 'HcsumU' : kind === 't6' ? 'Hcsum6' : 'Hcsum4',
    csum_start: l4,
    ...(chance(draw, 30) ? { flags: 1 | pick(draw, [0x08, 0x40, 0x80, 0xf8]) } : {}),
    ...(chance(draw, 30) ? { hdr_len: pick(draw, [0, 1, 20, 54, 150, 1400, 0xffff]) } : {}),
  };
  const rule = hdr.hdr_len !== undefined ? 'V1.1-5.1.6.2.2-D4' : 'P1.1-027f';
  return { hdr, frame: { ...frame, sum: 'pseudo' }, arrives: frame, rule };
}

/** A packet that the device has to cut. */
function superPacket(_: View, draw: Draw, kind: 't4' | 't6' | 'u4', ecn: boolean): Sent {
  const size = pick(draw, [1, 40, 1400, 2800, 3000, between(draw, 1, 4000), between(draw, 1, 4000)]);
  const udp = kind === 'u4';
  const least = Math.max(1, Math.ceil(size / 40));
  const gso = udp
    ? pick(draw, [800, 1480])
    : Math.max(least, pick(draw, [1, 536, 1400, 1401, size, size + 1, between(draw, 1, 1460)]));
  const vlan = !udp && chance(draw, 20) ? { vlan: between(draw, 0, 4094) } : {};
  const options = kind === 't4' && chance(draw, 20) ? { options: 12 } : {};
  const cwr = ecn ? { cwr: true } : {};
  const frame = { [kind]: size, ...vlan, ...options, ...cwr };
  const l4 = (vlan.vlan === undefined ? 14 : 18) + (kind === 't6' ? 40 : 20);
  const headers = l4 + (udp ? 8 : 20 + (options.options ?? 0));
  const hint = chance(draw, 40);
  const hdr = {
    is: udp ? 'Hufo' : kind === 't6' ? 'Htso6' : ecn ? 'Htso4e' : 'Htso4',
    gso_size: gso,
    csum_start: l4,
    hdr_len: hint
      ? pick(draw, [0, 1, 13, headers - 1, headers + 1, 200, 1400, headers + size + 1, 0xffff])
      : headers,
  };
  const rule = hint && !udp ? 'V1.1-5.1.6.2.2-D4' : udp ? 'P1.1-027h' : 'P1.1-027g';
  return { hdr, frame: { ...frame, sum: 'pseudo' }, arrives: { ...frame, gso }, rule };
}

export function sent(view: View, draw: Draw, features: readonly string[]): Sent {
  const choices: (readonly [number, () => Sent])[] = [[3, () => plainPacket(view, draw, features)]];
  const when = (name: string, weight: number, choice: () => Sent) =>
    features.includes(name) && choices.push([weight, choice]);
  when('net.CSUM', 4, () => partialPacket(view, draw));
  when('net.HOST_TSO4', 3, () =>
    superPacket(view, draw, 't4', features.includes('net.HOST_ECN') && chance(draw, 50)),
  );
  when('net.HOST_TSO6', 2, () => superPacket(view, draw, 't6', false));
  when('net.HOST_UFO', 2, () => superPacket(view, draw, 'u4', false));
  return weighted(draw, choices)();
}

/** What left in earlier sessions is of no interest. */
export const AFRESH = step('peer', { forget: true });
