import type { NetHdr } from '../../kits/net-header.ts';
import type { Add } from './add-problem.ts';
import type { PacketJson, Want, WantHdr } from './receive-args.ts';

export function judgeHdr(packet: PacketJson, i: number, wants: WantHdr | undefined, add: Add): void {
  for (const [field, want] of Object.entries(wants ?? {}) as [keyof NetHdr, Want][]) {
    const value = packet.hdr[field];
    const wrong = mismatch(want, value);
    if (wrong !== null) add(field, `packet ${i}: ${field} ${wrong}`, `0x${value.toString(16)}`);
  }
}

/** What a value should have been; null when it is right. */
function mismatch(want: Want, value: number): string | null {
  if (typeof want === 'number') return value === want ? null : String(want);
  if (Array.isArray(want)) return want.includes(value) ? null : want.join(' or ');
  const masked = want.mask === undefined ? value : value & want.mask;
  const at = want.mask === undefined ? '' : ` (after & 0x${want.mask.toString(16)})`;
  if (want.is !== undefined && masked !== want.is) return `${want.is}${at}`;
  if (want.not !== undefined && masked === want.not) return `other than ${want.not}${at}`;
  if (want.min !== undefined && masked < want.min) return `at least ${want.min}${at}`;
  if (want.max !== undefined && masked > want.max) return `at most ${want.max}${at}`;
  return null;
}
