/** A field of a command or context: byte offset of its big-endian dword, highest and lowest bit in it. */
export type Field = readonly [at: number, high: number, low: number];

/** Value of `field` of the structure that begins at byte `base`. */
export function getField(bytes: Uint8Array, base: number, field: Field): number {
  const o = base + field[0];
  const dword = (bytes[o] << 24) | (bytes[o + 1] << 16) | (bytes[o + 2] << 8) | bytes[o + 3];
  return ((dword >>> field[2]) & maskOf(field)) >>> 0;
}

/** Store `value` in `field`; bits beyond its width are cut off, its neighbours stay. */
export function putField(bytes: Uint8Array, base: number, field: Field, value: number): void {
  const o = base + field[0];
  const mask = maskOf(field) << field[2];
  const old = (bytes[o] << 24) | (bytes[o + 1] << 16) | (bytes[o + 2] << 8) | bytes[o + 3];
  const dword = (old & ~mask) | ((value << field[2]) & mask);
  bytes[o] = dword >>> 24;
  bytes[o + 1] = dword >>> 16;
  bytes[o + 2] = dword >>> 8;
  bytes[o + 3] = dword;
}

/** As many bits as the field has, from bit 0 on. */
function maskOf(field: Field): number {
  return -1 >>> (31 - (field[1] - field[2]));
}

/** A 64-bit value as a number: exact below 2^53. */
export function get64(bytes: Uint8Array, at: number): number {
  return getField(bytes, at, DWORD) * 2 ** 32 + getField(bytes, at + 4, DWORD);
}

export function put64(bytes: Uint8Array, at: number, value: number): void {
  putField(bytes, at, DWORD, Math.floor(value / 2 ** 32));
  putField(bytes, at + 4, DWORD, value >>> 0);
}

/** A whole dword. */
export const DWORD: Field = [0, 31, 0];
