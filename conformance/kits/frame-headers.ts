import type { FrameSpec } from './frame-spec.ts';
import { fromHex } from './hex.ts';
import { put16, putIpSum } from './sums.ts';

/** Addresses of the two ends. */
export interface Macs {
  dev: Uint8Array;
  peer: Uint8Array;
}

/** The address that a case names: dev, peer, foreign, foreign2, multicast, broadcast, or twelve hex digits. @throws RangeError */
export function macOf(name: string, { dev, peer }: Macs): Uint8Array {
  if (name === 'dev') return dev;
  if (name === 'peer') return peer;
  if (name === 'foreign') return Uint8Array.of(2, 0, 0, 0, 0, 0x77);
  if (name === 'foreign2') return Uint8Array.of(...dev.subarray(0, 5), dev[5] ^ 0xff);
  if (name === 'multicast') return Uint8Array.of(1, 0, 0x5e, 0, 0, 0xfb);
  if (name === 'broadcast') return new Uint8Array(6).fill(0xff);
  const hex = name.replaceAll(':', '');
  if (!/^[0-9a-f]{12}$/i.test(hex)) throw new RangeError(`not a MAC address: ${name}`);
  return fromHex(hex);
}

/** Write the Ethernet header, with a VLAN tag where the spec has one. */
export function ethernet(
  bytes: Uint8Array,
  spec: FrameSpec,
  macs: Macs,
  fromDevice: boolean,
  type: number,
): void {
  bytes.set(macOf(spec.to ?? (fromDevice ? 'peer' : 'dev'), macs), 0);
  bytes.set(macOf(spec.from ?? (fromDevice ? 'dev' : 'peer'), macs), 6);
  if (spec.vlan !== undefined) {
    put16(bytes, 12, 0x8100);
    put16(bytes, 14, spec.vlan);
  }
  put16(bytes, spec.vlan === undefined ? 12 : 16, type);
}

/** Write an IPv4 header without options at `l3`, its checksum included. */
export function ipv4(
  bytes: Uint8Array,
  l3: number,
  proto: number,
  fromDevice: boolean,
  spec: FrameSpec,
): void {
  bytes[l3] = 0x45;
  bytes[l3 + 1] = spec.ce ? 3 : 0;
  put16(bytes, l3 + 2, (bytes.length - l3) & 0xffff);
  put16(bytes, l3 + 4, 0x1234);
  put16(bytes, l3 + 6, proto === 6 ? 0x4000 : 0);
  bytes[l3 + 8] = 64;
  bytes[l3 + 9] = proto;
  bytes.set([10, 0, 0, fromDevice ? 1 : 2, 10, 0, 0, fromDevice ? 2 : 1], l3 + 12);
  putIpSum(bytes, l3);
  if (spec['ip-sum'] === 'bad') bytes[l3 + 11] ^= 1;
}

/** Write an IPv6 header without extensions at `l3`. */
export function ipv6(
  bytes: Uint8Array,
  l3: number,
  proto: number,
  fromDevice: boolean,
  spec: FrameSpec,
): void {
  bytes[l3] = 0x60;
  bytes[l3 + 1] = spec.ce ? 0x30 : 0;
  put16(bytes, l3 + 4, (bytes.length - l3 - 40) & 0xffff);
  bytes[l3 + 6] = proto;
  bytes[l3 + 7] = 64;
  for (const [at, last] of [
    [l3 + 8, fromDevice ? 1 : 2],
    [l3 + 24, fromDevice ? 2 : 1],
  ]) {
    bytes[at] = 0xfd;
    bytes[at + 15] = last;
  }
}
