/** For tests only: the fixed frames of the test plan, with sums that were computed by other means. */

import { concat, hex } from './test-rig.ts';

export const DEV = hex('525400123456');
export const PEER = hex('0200000000fe');

/** Headers of the test plan. */
export const H = {
  none: hex('00 00 0000 0000 0000 0000 0000'),
  csum4: hex('01 00 0000 0000 2200 1000 0000'),
  csum6: hex('01 00 0000 0000 3600 1000 0000'),
  csumU: hex('01 00 0000 0000 2200 0600 0000'),
  tso4: hex('01 01 3600 7805 2200 1000 0000'),
  tso4e: hex('01 81 3600 7805 2200 1000 0000'),
  tso6: hex('01 04 4a00 7805 3600 1000 0000'),
  ufo: hex('01 03 2a00 c805 2200 0600 0000'),
};

export function payload(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i % 251);
}

const be16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff);

/** TCP over IPv4. `ipSum` and `sum` as hex. */
export function t4(size: number, ipSum: string, sum: string, flags = '10'): Uint8Array {
  return concat([
    PEER,
    DEV,
    hex('0800 4500'),
    be16(40 + size),
    hex('12344000 4006'),
    hex(ipSum),
    hex(`0a000001 0a000002 0fa0 0050 01020304 05060708 50 ${flags} ffff`),
    hex(sum),
    hex('0000'),
    payload(size),
  ]);
}

/** TCP over IPv6. */
export function t6(size: number, sum: string): Uint8Array {
  return concat([
    PEER,
    DEV,
    hex('86dd 60000000'),
    be16(20 + size),
    hex('0640 fd000000000000000000000000000001 fd000000000000000000000000000002'),
    hex('0fa0 0050 01020304 05060708 50 10 ffff'),
    hex(sum),
    hex('0000'),
    payload(size),
  ]);
}

/** UDP over IPv4, DF clear. */
export function u4(size: number, ipSum: string, sum: string, data: Uint8Array = payload(size)): Uint8Array {
  return concat([
    PEER,
    DEV,
    hex('0800 4500'),
    be16(28 + size),
    hex('12340000 4011'),
    hex(ipSum),
    hex('0a000001 0a000002 0fa0 0fa1'),
    be16(8 + size),
    hex(sum),
    data,
  ]);
}

/** The same frame with a VLAN tag. */
export function tagged(vid: number, frame: Uint8Array): Uint8Array {
  return concat([frame.subarray(0, 12), hex('8100'), be16(vid), frame.subarray(12)]);
}

/** The same frame towards the device: MACs, addresses and ports swapped, so all sums stay. */
export function reply(frame: Uint8Array): Uint8Array {
  const out = frame.slice();
  const swap = (at: number, size: number) => {
    out.set(frame.subarray(at + size, at + 2 * size), at);
    out.set(frame.subarray(at, at + size), at + size);
  };
  swap(0, 6);
  const v6 = frame[12] === 0x86;
  swap(v6 ? 22 : 26, v6 ? 16 : 4);
  swap(v6 ? 54 : 34, 2);
  return out;
}

/** The same frame to another destination. */
export function to(mac: string, frame: Uint8Array): Uint8Array {
  return concat([hex(mac), frame.subarray(6)]);
}

export const T4 = t4(100, '1436', 'df9c');
export const T4_PARTIAL = t4(100, '1436', '1481');
export const T4_SUPER = t4(3000, '08e2', '1fd5');
export const R4 = reply(T4);
export const R4_PARTIAL = reply(T4_PARTIAL);
