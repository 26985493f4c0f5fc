import { AttributeWriter, fromLittleEndian, type NlAttribute, readAttributes } from './attribute.ts';
import { NetlinkError, NL_ERRNO } from './netlink-error.ts';

/**
 * What a family demands of an attribute in a request. A type that the policy does not list may not be sent.
 * Checks and texts are those of the kernel's strict validation (`lib/nlattr.c`).
 */
export type AttributePolicy =
  | { readonly type: 'u8' | 'u16' | 'u32' | 'u64'; readonly min?: number }
  | { readonly type: 'string' | 'nul-string' }
  | { readonly type: 'binary'; readonly exact: number };

export type Policy = ReadonlyMap<number, AttributePolicy>;

const WIDTH = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;
/** `enum netlink_attribute_type`. */
const TYPE_NUMBER = { u8: 2, u16: 3, u32: 4, u64: 5, binary: 10, string: 11, 'nul-string': 12 } as const;
/** `enum netlink_policy_type_attr`. */
const POLICY_ATTR = { TYPE: 1, MIN_VALUE_U: 4, MAX_VALUE_U: 5, MIN_LENGTH: 6, MAX_LENGTH: 7 } as const;

/**
 * Read and check the attributes of a request. Of several attributes of one type the last counts.
 *
 * @param bytes the attributes
 * @param base offset of `bytes` from the header of the message, for error reports
 * @throws NetlinkError EINVAL or ERANGE, with text, offset and policy as the kernel tells them
 */
export function parseStrictly(
  bytes: Uint8Array,
  base: number,
  policy: Policy,
  maxattr: number,
): Map<number, Uint8Array> {
  const { attributes, leftover } = readAttributes(bytes);
  const found = new Map<number, Uint8Array>();
  for (const attribute of attributes) {
    check(attribute, base, policy, maxattr);
    found.set(attribute.type, attribute.payload);
  }
  if (leftover > 0)
    throw new NetlinkError(NL_ERRNO.EINVAL, { text: 'bytes leftover after parsing attributes' });
  return found;
}

function check(attribute: NlAttribute, base: number, policy: Policy, maxattr: number): void {
  const offset = base + attribute.at;
  const { payload, type } = attribute;
  if (type === 0 || type > maxattr)
    throw new NetlinkError(NL_ERRNO.EINVAL, { text: 'Unknown attribute type', offset });
  const rule = policy.get(type);
  if (rule === undefined) throw new NetlinkError(NL_ERRNO.EINVAL, { text: 'Unsupported attribute', offset });
  const refuse = (errno: number, text: string) =>
    new NetlinkError(errno, { text, offset, policy: describePolicy(rule) });
  const width = rule.type in WIDTH ? WIDTH[rule.type as keyof typeof WIDTH] : undefined;
  if (width !== undefined && payload.length !== width)
    throw refuse(NL_ERRNO.EINVAL, 'invalid attribute length');
  if (attribute.nested) throw refuse(NL_ERRNO.EINVAL, 'NLA_F_NESTED not expected');
  if (rule.type === 'nul-string' && !payload.includes(0))
    throw refuse(NL_ERRNO.EINVAL, 'Attribute failed policy validation');
  if (rule.type === 'string' && payload.length === 0)
    throw refuse(NL_ERRNO.ERANGE, 'Attribute failed policy validation');
  if (rule.type === 'binary' && payload.length !== rule.exact)
    throw refuse(NL_ERRNO.ERANGE, 'binary attribute size out of range');
  if ('min' in rule && rule.min !== undefined && fromLittleEndian(payload) < BigInt(rule.min))
    throw refuse(NL_ERRNO.ERANGE, 'integer out of range');
}

/** A policy as the attributes in which the kernel describes it. */
function describePolicy(rule: AttributePolicy): Uint8Array {
  const writer = new AttributeWriter();
  if (rule.type in WIDTH) {
    const width = WIDTH[rule.type as keyof typeof WIDTH];
    writer.u64(POLICY_ATTR.MIN_VALUE_U, BigInt('min' in rule ? (rule.min ?? 0) : 0));
    writer.u64(POLICY_ATTR.MAX_VALUE_U, (1n << BigInt(8 * width)) - 1n);
  } else if (rule.type === 'binary') {
    writer.u32(POLICY_ATTR.MIN_LENGTH, rule.exact).u32(POLICY_ATTR.MAX_LENGTH, rule.exact);
  }
  return writer.u32(POLICY_ATTR.TYPE, TYPE_NUMBER[rule.type]).bytes();
}
