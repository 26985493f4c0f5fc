import {
  type AttributeWriter,
  fromLittleEndian,
  littleEndian,
  type NlAttribute,
  textOf,
} from '../../framework/netlink/attribute.ts';
import {
  type AttributeKind,
  attributeById,
  type VdpaRelease,
  vdpaAttribute,
} from '../../specs/vdpa/netlink.ts';
import { fromHex, toHex } from '../kits/hex.ts';

/** A value as cases write it: a number, a text, u64 also as `0x…`, bytes as `52:54:00:12:34:56`. */
export type WrittenValue = number | string;

const WIDTH = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;

/** Put an attribute by name. @throws RangeError for a name or a value that does not exist */
export function putAttribute(writer: AttributeWriter, name: string, value: WrittenValue): void {
  const { id, kind } = vdpaAttribute(name);
  if (kind === 'string') writer.string(id, String(value));
  else if (kind === 'mac') writer.put(id, bytesOf(String(value)));
  else writer.put(id, littleEndian(BigInt(value), WIDTH[kind]));
}

const bytesOf = (text: string): Uint8Array => fromHex(text.replaceAll(':', ''));

/** An attribute that came, by name, with its value as plain JSON; one that is malformed or unknown as bytes. */
export function readAttribute({ type, payload }: NlAttribute, release: VdpaRelease): [string, WrittenValue] {
  const row = attributeById(type, release);
  const raw = toHex(payload);
  if (row === undefined) return [`attribute-${type}`, raw];
  return [row.name, fits(row.kind, payload) ? payloadValue(row.kind, payload) : `malformed ${raw}`];
}

function fits(kind: AttributeKind, payload: Uint8Array): boolean {
  if (kind === 'string') return payload.at(-1) === 0;
  return payload.length === (kind === 'mac' ? 6 : WIDTH[kind]);
}

function payloadValue(kind: AttributeKind, payload: Uint8Array): WrittenValue {
  if (kind === 'string') return textOf(payload);
  if (kind === 'mac')
    return Buffer.from(payload)
      .toString('hex')
      .replace(/(..)(?=.)/g, '$1:');
  const value = fromLittleEndian(payload);
  return kind === 'u64' ? `0x${value.toString(16)}` : Number(value);
}

/** Whether what came is what a case wants; `*` wants anything. */
export function sameValue(name: string, want: WrittenValue, got: WrittenValue): boolean {
  if (want === '*') return true;
  const { kind } = vdpaAttribute(name);
  if (kind === 'string' || kind === 'mac') return String(want).toLowerCase() === String(got).toLowerCase();
  try {
    return BigInt(want) === BigInt(got);
  } catch {
    return false;
  }
}
