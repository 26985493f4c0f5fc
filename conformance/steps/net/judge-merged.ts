import type { FrameArg } from '../../kits/frame-spec.ts';
import { buildFrames } from '../../kits/frames.ts';
import { GSO_ECN } from '../../kits/net-header.ts';
import { get16, headersOf, pseudoSum, sumOffset } from '../../kits/sums.ts';
import type { Add } from './add-problem.ts';
import { fromJson, macsFrom } from './frame-match.ts';
import type { NetRxSeen, PacketJson } from './receive-args.ts';

export const isGso = ({ hdr }: PacketJson) => (hdr.gso_type & ~GSO_ECN) !== 0;

export const isPartial = ({ hdr }: PacketJson) => (hdr.flags & 1) !== 0;

/** The field at csum_start + csum_offset holds the pseudo header sum (0000 and ffff are the same number). */
export function judgePseudo(packet: PacketJson, i: number, add: Add): void {
  if (packet.hdr.flags & 4) return;
  const { bytes } = fromJson(packet);
  const headers = headersOf(bytes);
  const at = packet.hdr.csum_start + packet.hdr.csum_offset;
  if (headers.proto === 0) return;
  if (at + 2 > bytes.length) {
    add('csum_start', `packet ${i}: csum_start and csum_offset within ${bytes.length} bytes`, String(at));
    return;
  }
  const place = headers.l4 + sumOffset(headers.proto);
  const want = pseudoSum(bytes, headers, bytes.length - headers.l4);
  const got = get16(bytes, at);
  if (at === place && got % 0xffff !== want % 0xffff)
    add(
      'pseudo',
      `packet ${i}: pseudo header sum 0x${want.toString(16)} in the checksum field`,
      `0x${got.toString(16)}`,
    );
}

/** gso_size against what was really merged (the segments that the peer sent). */
export function judgeSegments(
  packet: PacketJson,
  i: number,
  frames: FrameArg,
  seen: NetRxSeen,
  add: Add,
): void {
  const largest = Math.max(
    ...buildFrames(frames, macsFrom(seen.mac)).map(({ bytes, meta }) =>
      Math.min(meta?.gsoSize ?? Number.POSITIVE_INFINITY, bytes.length - headersOf(bytes).payload),
    ),
  );
  if (packet.hdr.gso_size < largest)
    add(
      'gso_size',
      `packet ${i}: gso_size at least ${largest}, the largest segment`,
      String(packet.hdr.gso_size),
    );
}

/** Segments that RSC_INFO counts, with those that came alone, are all that were sent. */
export function judgeRsc(packets: readonly PacketJson[], sent: number, add: Add): void {
  const merged = packets.filter(isGso);
  const bare = merged.filter(({ hdr }) => (hdr.flags & 4) === 0);
  if (bare.length > 0)
    add('rsc', 'RSC_INFO (flags & 4) on every packet that was put together', `flags ${bare[0].hdr.flags}`);
  const counted = packets.reduce((sum, packet) => sum + (isGso(packet) ? packet.hdr.csum_start : 1), 0);
  if (merged.length > 0 && bare.length === 0 && counted !== sent)
    add('rsc', `${sent} segments, csum_start counting those of each packet`, String(counted));
}
