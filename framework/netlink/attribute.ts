import { align4 } from './message.ts';

/**
 * Netlink attributes as bytes: length (header of 4 bytes included, padding not), type, payload, padding to 4
 * bytes. Numbers are little-endian.
 */

export const NLA_HDRLEN = 4;
/** Flag of an attribute that holds attributes. */
export const NLA_F_NESTED = 0x8000;
/** Bits of the type field that are the number. */
export const NLA_TYPE_MASK = 0x3fff;

export interface NlAttribute {
  /** Number without flags. */
  readonly type: number;
  readonly nested: boolean;
  readonly payload: Uint8Array;
  /** Where the attribute begins in what was read. */
  readonly at: number;
}

/** Attributes found, and the bytes at the end that are none. */
export interface AttributeList {
  readonly attributes: readonly NlAttribute[];
  readonly leftover: number;
}

/** Read attributes; reading ends at the first that does not fit, which makes the rest `leftover`. */
export function readAttributes(bytes: Uint8Array): AttributeList {
  const attributes: NlAttribute[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (bytes.length - at >= NLA_HDRLEN) {
    const length = view.getUint16(at, true);
    if (length < NLA_HDRLEN || length > bytes.length - at) break;
    const type = view.getUint16(at + 2, true);
    attributes.push({
      type: type & NLA_TYPE_MASK,
      nested: (type & NLA_F_NESTED) !== 0,
      payload: bytes.subarray(at + NLA_HDRLEN, at + length),
      at,
    });
    at += align4(length);
  }
  return { attributes, leftover: Math.max(0, bytes.length - at) };
}

/** Puts attributes one after the other; padding is zero. */
export class AttributeWriter {
  #parts: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  put(type: number, payload: Uint8Array): this {
    const bytes = new Uint8Array(align4(NLA_HDRLEN + payload.length));
    const view = new DataView(bytes.buffer);
    view.setUint16(0, NLA_HDRLEN + payload.length, true);
    view.setUint16(2, type, true);
    bytes.set(payload, NLA_HDRLEN);
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  u8(type: number, value: number): this {
    return this.put(type, Uint8Array.of(value));
  }
  u16(type: number, value: number): this {
    return this.put(type, littleEndian(BigInt(value), 2));
  }
  u32(type: number, value: number): this {
    return this.put(type, littleEndian(BigInt(value), 4));
  }
  u64(type: number, value: bigint): this {
    return this.put(type, littleEndian(value, 8));
  }
  /** A text with its terminating zero byte, in UTF-8. */
  string(type: number, text: string): this {
    return this.put(type, new TextEncoder().encode(`${text}\0`));
  }
  nest(type: number, inner: (writer: AttributeWriter) => void): this {
    const writer = new AttributeWriter();
    inner(writer);
    return this.put(type, writer.bytes());
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}

/** The low `width` bytes of `value`, lowest first. */
export function littleEndian(value: bigint, width: number): Uint8Array {
  return Uint8Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** A number of up to 8 bytes, lowest byte first. */
export function fromLittleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** The text of a payload up to its first zero byte. */
export function textOf(payload: Uint8Array): string {
  const end = payload.indexOf(0);
  return new TextDecoder().decode(end < 0 ? payload : payload.subarray(0, end));
}
