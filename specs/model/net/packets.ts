import { NET_F } from '../../virtio-1.1/features.ts';
import type { Breach } from '../violation.ts';

/** The header in front of a received packet, as fields (section 5.1.6). */
export interface ReceivedHeader {
  readonly flags: number;
  readonly gso_type: number;
  readonly hdr_len: number;
  readonly gso_size: number;
  readonly csum_start: number;
  readonly csum_offset: number;
  readonly num_buffers: number;
}

/** A received packet as far as its rules depend on it. */
export interface ReceivedPacket {
  readonly hdr: ReceivedHeader;
  /** Used length and room in bytes of each of its buffers. */
  readonly lens: readonly number[];
  readonly rooms: readonly number[];
  /** `num_buffers` promises so many buffers more than were used. */
  readonly missing?: number;
}

/** What is in the frame of a packet. */
export interface ReceivedFrame {
  /** Bytes of the headers up to the payload of TCP or UDP; of Ethernet and IP alone for anything else. */
  readonly headers: number;
  /** TCP with CWR set. */
  readonly cwr: boolean;
  /** Whether the checksum of TCP or UDP is right as it stands; null where there is none. */
  readonly sumGood: boolean | null;
}

/** What a rule says about a packet, and which side of the packet it is about. */
export interface PacketBreach extends Breach {
  readonly aspect: keyof ReceivedHeader | 'lens' | 'buffers';
}

const FLAG = { NEEDS_CSUM: 1, DATA_VALID: 2, RSC_INFO: 4 } as const;
/** ECN bit of `gso_type`. */
const ECN = 0x80;

/** How many buffers a packet takes, and how full they are (5.1.6.4.1, D1 to D3). */
export function judgeBuffers(
  mergeable: boolean,
  { hdr, lens, rooms, missing = 0 }: ReceivedPacket,
): PacketBreach[] {
  const breaches: PacketBreach[] = [];
  const add = (aspect: PacketBreach['aspect'], requirement: string, expected: string, actual: string) =>
    breaches.push({ aspect, requirement, expected, actual });
  const { num_buffers: count } = hdr;
  if (!mergeable) {
    if (count !== 1) add('num_buffers', 'V1.1-5.1.6.4.1-D1', 'num_buffers 1', String(count));
    return breaches;
  }
  if (count === 0) add('num_buffers', 'V1.1-5.1.6.4.1-D2', 'num_buffers at least 1', '0');
  if (missing > 0) {
    add('num_buffers', 'V1.1-5.1.6.4.1-D2', `num_buffers ${lens.length}, as used`, String(count));
  }
  const short = lens.findIndex((len, i) => i + 1 < lens.length && len !== rooms[i]);
  if (short >= 0) {
    const expected = `buffer ${short} of ${lens.length} full, ${rooms[short]} bytes`;
    add('lens', 'V1.1-5.1.6.4.1-D3', expected, `${lens[short]}`);
  }
  if (lens.length > 1 && lens.at(-1) === 0) {
    add('buffers', 'V1.1-5.1.6.4.1-D2', 'every used buffer holds a part of it', 'the last is empty');
  }
  return breaches;
}

/** Segmentation types, with the feature that each needs and the requirement that says so. */
const SEGMENTATIONS = [
  { type: 1, feature: NET_F.GUEST_TSO4, requirement: 'V1.1-5.1.6.4.1-D6', name: 'GUEST_TSO4' },
  { type: 3, feature: NET_F.GUEST_UFO, requirement: 'V1.1-5.1.6.4.1-D7', name: 'GUEST_UFO' },
  { type: 4, feature: NET_F.GUEST_TSO6, requirement: 'V1.1-5.1.6.4.1-D8', name: 'GUEST_TSO6' },
] as const;

/** What the header of a received packet may say with the features in force (5.1.6.4.1, D5 to D19). */
export function judgeHeader(features: bigint, hdr: ReceivedHeader, frame: ReceivedFrame): PacketBreach[] {
  const breaches: PacketBreach[] = [];
  const has = (feature: bigint) => (features & feature) !== 0n;
  const add = (aspect: PacketBreach['aspect'], requirement: string, expected: string, actual: string) =>
    breaches.push({ aspect, requirement, expected, actual });
  const flags = `flags ${hdr.flags}`;
  const type = hdr.gso_type & ~ECN;
  const shown = `gso_type 0x${hdr.gso_type.toString(16)}`;
  if (!has(NET_F.GUEST_CSUM) && hdr.flags !== 0)
    add('flags', 'V1.1-5.1.6.4.1-D5a', 'flags 0 without GUEST_CSUM', flags);
  if ((hdr.flags & FLAG.RSC_INFO) !== 0 && !has(NET_F.RSC_EXT))
    add('flags', 'V1.1-5.1.6.4.1-D17', 'no RSC_INFO without RSC_EXT', flags);
  // With a partial checksum there is nothing to vouch for yet.
  const complete = (hdr.flags & (FLAG.NEEDS_CSUM | FLAG.RSC_INFO)) === 0 && type === 0;
  if ((hdr.flags & FLAG.DATA_VALID) !== 0 && complete && frame.sumGood === false)
    add('flags', 'V1.1-5.1.6.4.1-D19b', 'no DATA_VALID on a wrong checksum', flags);
  const any = SEGMENTATIONS.some(({ feature }) => has(feature));
  if (type === 0) {
    if (hdr.gso_type !== 0 && !any) add('gso_type', 'V1.1-5.1.6.4.1-D14', 'gso_type 0', shown);
    else if (hdr.gso_type !== 0 && !has(NET_F.GUEST_ECN))
      add('gso_type', 'V1.1-5.1.6.4.1-D9a', 'no ECN bit without GUEST_ECN', shown);
    return breaches;
  }
  const segmentation = SEGMENTATIONS.find((one) => one.type === type);
  if (segmentation === undefined || !any) add('gso_type', 'V1.1-5.1.6.4.1-D14', 'gso_type 0', shown);
  else if (!has(segmentation.feature))
    add('gso_type', segmentation.requirement, `no such super-frame without ${segmentation.name}`, shown);
  const ecn = (hdr.gso_type & ECN) !== 0;
  if ((frame.cwr || ecn) && !has(NET_F.GUEST_ECN))
    add('gso_type', 'V1.1-5.1.6.4.1-D9a', 'no super-frame with CWR without GUEST_ECN', shown);
  if (frame.cwr && !ecn && has(NET_F.GUEST_ECN))
    add('gso_type', 'V1.1-5.1.6.4.1-D9b', 'the ECN bit on a super-frame with CWR', shown);
  if ((hdr.flags & FLAG.NEEDS_CSUM) === 0)
    add('flags', 'V1.1-5.1.6.4.1-D15a', 'NEEDS_CSUM on a super-frame', flags);
  if (hdr.gso_size === 0) add('gso_size', 'V1.1-5.1.6.4.1-D15b', 'gso_size above 0 on a super-frame', '0');
  if (has(NET_F.RSC_EXT) && (hdr.flags & FLAG.RSC_INFO) === 0)
    add('flags', 'V1.1-5.1.6.4.1-D16', 'RSC_INFO on a super-frame with RSC_EXT', flags);
  if (hdr.hdr_len < frame.headers)
    add('hdr_len', 'V1.1-5.1.6.4.1-D18', `hdr_len of at least ${frame.headers}`, String(hdr.hdr_len));
  return breaches;
}
