/** The 16-bit ones' complement arithmetic of IP, TCP and UDP, as the suite does it: apart from any device. */

/** Ones' complement sum of big-endian words of `bytes` from `from` to `to`; an odd last byte is a high half. */
export function onesSum(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let sum = start;
  for (let i = from; i < to; i += 2) {
    sum += (bytes[i] << 8) + (i + 1 < to ? bytes[i + 1] : 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

export const get16 = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (value >> 8) & 0xff;
  bytes[at + 1] = value & 0xff;
}

export const get32 = (bytes: Uint8Array, at: number): number =>
  get16(bytes, at) * 0x10000 + get16(bytes, at + 2);

export function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, Math.floor(value / 0x10000) & 0xffff);
  put16(bytes, at + 2, value % 0x10000);
}

/** Headers of a frame that the suite understands. */
export interface Headers {
  /** 4 or 6; 0 for anything that is not IP. */
  ip: 0 | 4 | 6;
  l3: number;
  l4: number;
  /** 6 TCP, 17 UDP, 0 other. */
  proto: number;
  /** First payload byte. */
  payload: number;
  /** More fragments flag or a fragment offset. */
  fragment: boolean;
}

const NONE: Headers = { ip: 0, l3: 14, l4: 14, proto: 0, payload: 14, fragment: false };

/** Find the headers of a frame: Ethernet, one VLAN tag, IPv4 or plain IPv6, TCP or UDP. */
export function headersOf(frame: Uint8Array): Headers {
  if (frame.length < 14) return NONE;
  const l3 = get16(frame, 12) === 0x8100 ? 18 : 14;
  const type = frame.length >= l3 ? get16(frame, l3 - 2) : 0;
  let ip: 0 | 4 | 6 = 0;
  let l4 = l3;
  let proto = 0;
  let fragment = false;
  if (type === 0x0800 && frame.length >= l3 + 20) {
    ip = 4;
    l4 = l3 + 4 * (frame[l3] & 15);
    proto = frame[l3 + 9];
    fragment = (get16(frame, l3 + 6) & 0x3fff) !== 0;
  } else if (type === 0x86dd && frame.length >= l3 + 40) {
    ip = 6;
    l4 = l3 + 40;
    proto = frame[l3 + 6];
  }
  const least = proto === 6 ? 20 : 8;
  if (ip === 0 || (proto !== 6 && proto !== 17) || frame.length < l4 + least) {
    return { ip, l3, l4, proto: 0, payload: ip === 0 ? l3 : l4, fragment };
  }
  const payload = proto === 6 ? l4 + 4 * (frame[l4 + 12] >> 4) : l4 + 8;
  return { ip, l3, l4, proto, payload, fragment };
}

/** Offset of the checksum field behind the start of the transport header. */
export const sumOffset = (proto: number): number => (proto === 6 ? 16 : 6);

/** Sum of the pseudo header for `length` bytes of transport header and payload. */
export function pseudoSum(frame: Uint8Array, { ip, l3, proto }: Headers, length: number): number {
  const addresses = ip === 6 ? onesSum(frame, l3 + 8, l3 + 40) : onesSum(frame, l3 + 12, l3 + 20);
  let sum = addresses + proto + length;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Put the right checksum into the TCP or UDP header. */
export function putFullSum(frame: Uint8Array, headers: Headers): void {
  const field = headers.l4 + sumOffset(headers.proto);
  put16(frame, field, 0);
  const sum =
    0xffff ^ onesSum(frame, headers.l4, frame.length, pseudoSum(frame, headers, frame.length - headers.l4));
  put16(frame, field, sum === 0 && headers.proto === 17 ? 0xffff : sum);
}

/** Whether the TCP or UDP checksum is right. */
export function fullSumGood(frame: Uint8Array, headers: Headers): boolean {
  const sum = onesSum(frame, headers.l4, frame.length, pseudoSum(frame, headers, frame.length - headers.l4));
  return sum === 0xffff || sum === 0;
}

/** Put the right checksum into the IPv4 header at `l3`. */
export function putIpSum(frame: Uint8Array, l3: number): void {
  put16(frame, l3 + 10, 0);
  put16(frame, l3 + 10, 0xffff ^ onesSum(frame, l3, l3 + 4 * (frame[l3] & 15)));
}

export const ipSumGood = (frame: Uint8Array, l3: number): boolean =>
  onesSum(frame, l3, l3 + 4 * (frame[l3] & 15)) === 0xffff;
