import { Buffer } from 'node:buffer';

/** Bytes as lower-case hex digits, as histories keep them. */
export const toHex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

/** The bytes that pairs of hex digits stand for, up to the first that is none. */
export const fromHex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, 'hex'));
