import type { FrameMeta } from '../../framework/peer.ts';
import { ethernet, ipv4, ipv6, type Macs } from './frame-headers.ts';
import { type FrameArg, type FrameSpec, frameSpecs } from './frame-spec.ts';
import { fromHex } from './hex.ts';
import { headersOf, pseudoSum, put16, put32, putFullSum, sumOffset } from './sums.ts';

/** A frame as bytes, with what goes beside them. */
export interface BuiltFrame {
  spec: FrameSpec;
  bytes: Uint8Array;
  meta?: FrameMeta;
  marker?: number;
}

/** Bytes of a marker, which name the frame wherever it turns up. */
export function markerBytes(marker: number): Uint8Array {
  const bytes = Uint8Array.of(0xc7, 0x5f, 0x3a, 0x91, 0, 0, 0, 0);
  put32(bytes, 4, marker);
  return bytes;
}

/** Build every frame of an argument. */
export const buildFrames = (arg: FrameArg, macs: Macs): BuiltFrame[] =>
  frameSpecs(arg).map((spec) => buildFrame(spec, macs));

interface Shape {
  ip: 4 | 6;
  proto: 6 | 17;
  fromDevice: boolean;
  size: number;
}

const SHAPES = [
  { key: 't4', ip: 4, proto: 6, fromDevice: true },
  { key: 't6', ip: 6, proto: 6, fromDevice: true },
  { key: 'u4', ip: 4, proto: 17, fromDevice: true },
  { key: 'u6', ip: 6, proto: 17, fromDevice: true },
  { key: 'r4', ip: 4, proto: 6, fromDevice: false },
  { key: 'r6', ip: 6, proto: 6, fromDevice: false },
  { key: 'ru', ip: 4, proto: 17, fromDevice: false },
  { key: 'ru6', ip: 6, proto: 17, fromDevice: false },
] as const;

function shapeOf(spec: FrameSpec): Shape | null {
  for (const { key, ip, proto, fromDevice } of SHAPES) {
    const size = spec[key];
    if (size !== undefined) return { ip, proto, fromDevice, size };
  }
  return null;
}

/** Payload byte i is i mod 251. */
const PERIOD = 251;

/** Fill `bytes` from `start` on with payload. */
function putPayload(bytes: Uint8Array, start: number): void {
  const end = bytes.length;
  for (let i = start; i < end && i < start + PERIOD; i++) bytes[i] = i - start;
  for (let done = PERIOD; start + done < end; done *= 2) bytes.copyWithin(start + done, start, start + done);
}

/** Build one frame. @throws RangeError on a spec that is none */
export function buildFrame(spec: FrameSpec, macs: Macs): BuiltFrame {
  if (spec.raw !== undefined) return { spec, bytes: fromHex(spec.raw.replace(/\s+/g, '')) };
  const { bytes, meta } = spec.vxlan !== undefined ? vxlan(spec, spec.vxlan, macs) : plain(spec, macs);
  return { spec, bytes, meta, marker: spec.marker };
}

function plain(spec: FrameSpec, macs: Macs, content?: Uint8Array): { bytes: Uint8Array; meta?: FrameMeta } {
  const shape = shapeOf(spec);
  if (shape === null) return { bytes: withoutIp(spec, macs) };
  const { ip, proto, fromDevice, size } = shape;
  const options = proto === 6 ? (spec.options ?? 0) : 0;
  const l3 = spec.vlan === undefined ? 14 : 18;
  const l4 = l3 + (ip === 4 ? 20 : 40);
  const payload = l4 + (proto === 6 ? 20 + options : 8);
  const bytes = new Uint8Array(payload + size);
  ethernet(bytes, spec, macs, fromDevice, ip === 4 ? 0x0800 : 0x86dd);
  if (ip === 4) ipv4(bytes, l3, proto, fromDevice, spec);
  else ipv6(bytes, l3, proto, fromDevice, spec);
  const own = 4000 + (spec.flow ?? 0);
  const far = proto === 6 ? 80 : 4001;
  const [source, destination] = spec.ports ?? (fromDevice ? [own, far] : [far, own]);
  put16(bytes, l4, source);
  put16(bytes, l4 + 2, destination);
  if (proto === 6) {
    put32(bytes, l4 + 4, 0x01020304 + (spec.seq ?? 0));
    put32(bytes, l4 + 8, 0x05060708);
    bytes[l4 + 12] = ((20 + options) / 4) << 4;
    bytes[l4 + 13] = 0x10 | (spec.cwr ? 0x80 : 0) | (spec.ece ? 0x40 : 0);
    put16(bytes, l4 + 14, 0xffff);
    bytes.fill(1, l4 + 20, payload);
  } else put16(bytes, l4 + 4, (8 + size) & 0xffff);
  if (content === undefined) putPayload(bytes, payload);
  else bytes.set(content, payload);
  overlay(bytes, payload, spec);
  sums(bytes, spec);
  return withMeta(bytes, spec, { ip, proto, l4, payload });
}

function withoutIp(spec: FrameSpec, macs: Macs): Uint8Array {
  const l3 = spec.vlan === undefined ? 14 : 18;
  if (spec.arp) {
    const bytes = new Uint8Array(Math.max(60, l3 + 46));
    ethernet(bytes, { to: 'broadcast', ...spec }, macs, false, 0x0806);
    bytes.set([0, 1, 8, 0, 6, 4, 0, 1, ...macs.peer, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1], l3);
    overlay(bytes, l3 + 28, spec);
    return bytes;
  }
  const size = spec.eth ?? spec.reth;
  if (size === undefined) throw new RangeError(`not a frame: ${JSON.stringify(spec)}`);
  const bytes = new Uint8Array(l3 + size);
  ethernet(bytes, spec, macs, spec.eth !== undefined, 0x88b5);
  putPayload(bytes, l3);
  overlay(bytes, l3, spec);
  return bytes;
}

function vxlan(spec: FrameSpec, inner: FrameSpec, macs: Macs): { bytes: Uint8Array; meta?: FrameMeta } {
  const { bytes: frame } = buildFrame(inner, macs);
  const content = new Uint8Array(8 + frame.length);
  content[0] = 0x08;
  content[6] = 5;
  content.set(frame, 8);
  const { vxlan: _, marker: __, ...outer } = spec;
  return plain({ ports: [4789, 4789], ...outer, ru: content.length }, macs, content);
}

function overlay(bytes: Uint8Array, payload: number, spec: FrameSpec): void {
  if (spec.marker !== undefined)
    bytes.set(markerBytes(spec.marker).subarray(0, Math.max(0, bytes.length - payload)), payload);
  if (spec.end !== undefined) {
    const end = fromHex(spec.end.replace(/\s+/g, ''));
    bytes.set(end, bytes.length - end.length);
  }
}

function sums(bytes: Uint8Array, spec: FrameSpec): void {
  const headers = headersOf(bytes);
  const field = headers.l4 + sumOffset(headers.proto);
  const sum = spec.sum ?? (spec.partial || spec.gso !== undefined ? 'pseudo' : 'full');
  if (sum === 'zero') put16(bytes, field, 0);
  else if (sum === 'ones') put16(bytes, field, 0xffff);
  else if (sum === 'pseudo') put16(bytes, field, pseudoSum(bytes, headers, bytes.length - headers.l4));
  else putFullSum(bytes, headers);
  if (sum === 'bad') bytes[field + 1] ^= 1;
  if (spec.patch !== undefined) bytes.set(fromHex(spec.patch.hex.replace(/\s+/g, '')), spec.patch.at);
}

function withMeta(
  bytes: Uint8Array,
  spec: FrameSpec,
  { ip, proto, l4, payload }: { ip: 4 | 6; proto: 6 | 17; l4: number; payload: number },
): { bytes: Uint8Array; meta?: FrameMeta } {
  if (!spec.partial && spec.gso === undefined) return { bytes };
  const meta: FrameMeta = { needsCsum: true, csumStart: l4, csumOffset: sumOffset(proto) };
  if (spec.gso !== undefined) {
    meta.gsoType = proto === 17 ? 'udp' : ip === 4 ? 'tcpv4' : 'tcpv6';
    meta.gsoSize = spec.gso;
    meta.hdrLen = payload;
    if (spec.ecn ?? spec.cwr) meta.ecn = true;
  }
  return { bytes, meta };
}
