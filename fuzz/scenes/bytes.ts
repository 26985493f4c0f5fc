/** Bytes as steps take them: two lower-case digits each. Of every number the low eight bits count. */
export const hex = (bytes: readonly number[]): string =>
  bytes.map((byte) => (byte & 0xff).toString(16).padStart(2, '0')).join('');

/** The four bytes of the low 32 bits of `n`, least significant first. */
export const le32 = (n: number): number[] => [n & 0xff, (n >>> 8) & 0xff, (n >>> 16) & 0xff, n >>> 24];
