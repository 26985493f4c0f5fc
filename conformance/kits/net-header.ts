import type { FrameMeta } from '../../framework/peer.ts';
import { fromHex } from './hex.ts';

/** The packet header (section 5.1.6) as fields. */
export interface NetHdr {
  flags: number;
  gso_type: number;
  hdr_len: number;
  gso_size: number;
  csum_start: number;
  csum_offset: number;
  num_buffers: number;
}

/** A header as a case writes it: a name, bytes in hex, or fields over a named one. */
export type HdrArg = string | (Partial<NetHdr> & { is?: string });

const FIELDS: readonly [keyof NetHdr, number, 1 | 2][] = [
  ['flags', 0, 1],
  ['gso_type', 1, 1],
  ['hdr_len', 2, 2],
  ['gso_size', 4, 2],
  ['csum_start', 6, 2],
  ['csum_offset', 8, 2],
  ['num_buffers', 10, 2],
];
export const HDR_FIELDS: readonly (keyof NetHdr)[] = FIELDS.map(([name]) => name);

/** Named headers of the plan, 12 bytes each. */
export const NAMED_HDRS: Readonly<Record<string, string>> = {
  H0: '000000000000000000000000',
  Hcsum4: '010000000000220010000000',
  Hcsum6: '010000000000360010000000',
  HcsumU: '010000000000220006000000',
  Htso4: '010136007805220010000000',
  Htso4e: '018136007805220010000000',
  Htso6: '01044a007805360010000000',
  Hufo: '01032a00c805220006000000',
};

/** The bytes of a header. @throws RangeError on an unknown name */
export function hdrBytes(arg: HdrArg = 'H0'): Uint8Array {
  const { is = 'H0', ...fields } = typeof arg === 'string' ? { is: arg } : arg;
  const hex = NAMED_HDRS[is] ?? is.replace(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(hex))
    throw new RangeError(`no header is called ${is}; known: ${Object.keys(NAMED_HDRS).join(', ')}`);
  const bytes = fromHex(hex);
  for (const [name, at, width] of FIELDS) {
    const value = (fields as Partial<NetHdr>)[name];
    if (value === undefined) continue;
    bytes[at] = value & 0xff;
    if (width === 2) bytes[at + 1] = (value >> 8) & 0xff;
  }
  return bytes;
}

/** The fields of a header at the start of `bytes`; missing bytes count as 0. */
export function readHdr(bytes: Uint8Array): NetHdr {
  const hdr = {} as NetHdr;
  for (const [name, at, width] of FIELDS)
    hdr[name] = (bytes[at] ?? 0) | (width === 2 ? (bytes[at + 1] ?? 0) << 8 : 0);
  return hdr;
}

export const GSO_ECN = 0x80;
const GSO_NAMES: Readonly<Record<number, FrameMeta['gsoType']>> = {
  0: 'none',
  1: 'tcpv4',
  3: 'udp',
  4: 'tcpv6',
};

/** What a received header says about its frame, in host terms. With RSC_INFO the checksum fields mean something else. */
export function metaOfHdr(hdr: NetHdr): FrameMeta {
  const rsc = (hdr.flags & 4) !== 0;
  const partial = (hdr.flags & 1) !== 0;
  return {
    ...(partial ? { needsCsum: true } : {}),
    ...(partial && !rsc ? { csumStart: hdr.csum_start, csumOffset: hdr.csum_offset } : {}),
    ...(hdr.flags & 2 ? { dataValid: true } : {}),
    gsoType: GSO_NAMES[hdr.gso_type & ~GSO_ECN] ?? 'none',
    ...(hdr.gso_type & GSO_ECN ? { ecn: true } : {}),
    gsoSize: hdr.gso_size,
    hdrLen: hdr.hdr_len,
  };
}
