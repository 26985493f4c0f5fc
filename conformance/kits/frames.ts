import type { FrameMeta } from '../../framework/peer.ts';
import { headersOf, onesSum, pseudoSum, put16, put32, putFullSum, putIpSum, sumOffset } from './sums.ts';

/**
 * Frames as a case writes them: compact data, turned into bytes and metadata by {@link buildFrames}. Exactly one of
 * `t4` … `raw` says what it is; the number is the count of payload bytes. `t…`, `u…` go from the device to the
 * peer, `r…` the other way, with addresses and ports swapped.
 */
export interface FrameSpec {
  t4?: number;
  t6?: number;
  u4?: number;
  u6?: number;
  r4?: number;
  r6?: number;
  ru?: number;
  ru6?: number;
  /** Experimental ethertype 88b5; `reth` from the peer. */
  eth?: number;
  reth?: number;
  /** An ARP request of the peer, 60 bytes. */
  arp?: boolean;
  /** UDP 4789 from the peer around another frame. */
  vxlan?: FrameSpec;
  raw?: string;
  /** A named frame that the other keys change: X, X2, M, B, F, ARP, P1 … P7 (P7 stands for four). */
  is?: string;

  /** Destination MAC: dev, peer, foreign, foreign2, multicast, broadcast, or twelve hex digits. */
  to?: string;
  from?: string;
  vlan?: number;
  /** The TCP or UDP checksum (default full; pseudo with `partial` and `gso`). */
  sum?: 'full' | 'pseudo' | 'bad' | 'zero' | 'ones';
  'ip-sum'?: 'good' | 'bad';
  /** Overlays the first 8 payload bytes, so that a frame is known again even when it is damaged. */
  marker?: number;
  /** So many frames, markers counting up from `marker`, `seq` and `flow` staying. */
  count?: number;
  /** Added to port 4000. */
  flow?: number;
  ports?: [number, number];
  /** Added to the TCP sequence number. */
  seq?: number;
  /** TCP CWR (P4e: with metadata `ecn`), ECE, IP CE. */
  cwr?: boolean;
  ece?: boolean;
  ce?: boolean;
  /** Bytes of TCP options (no-operations). */
  options?: number;
  /** Hex bytes over the end of the payload. */
  end?: string;
  /** Hex bytes over the frame from byte `at` on. */
  patch?: { at: number; hex: string };
  /** Metadata: checksum still partial. */
  partial?: boolean;
  /** Metadata: super-frame of segments with so many payload bytes. */
  gso?: number;
  /** Metadata: the ECN bit (default: as `cwr`). */
  ecn?: boolean;
}

/** What a frame argument may be: a spec, the name of one, or several. */
export type FrameArg = FrameSpec | string | (FrameSpec | string)[];

export interface Macs {
  dev: Uint8Array;
  peer: Uint8Array;
}

export interface BuiltFrame {
  /** As an author would say it. */
  label: string;
  bytes: Uint8Array;
  meta?: FrameMeta;
  marker?: number;
}

/** Named frames of the plan. */
const NAMED: Readonly<Record<string, FrameSpec>> = {
  X: { r4: 100, to: 'foreign' },
  X2: { r4: 100, to: 'foreign2' },
  M: { r4: 100, to: 'multicast' },
  B: { r4: 100, to: 'broadcast' },
  F: { r4: 8, marker: 0xfe },
  ARP: { arp: true },
  P1: { r4: 100 },
  P2: { r4: 100, sum: 'bad' },
  P3: { r4: 100, partial: true },
  P4: { r4: 3000, gso: 1400 },
  P4e: { r4: 3000, gso: 1400, cwr: true },
  P5: { r6: 3000, gso: 1400 },
  P6: { ru: 3000, gso: 1480 },
};

/** P7: four full segments of one flow, back to back. */
const P7: readonly FrameSpec[] = [0, 1, 2, 3].map((k) => ({ r4: 1400, seq: 1400 * k }));

/** Bytes of a marker, which name the frame wherever it turns up. */
export function markerBytes(marker: number): Uint8Array {
  const bytes = Uint8Array.of(0xc7, 0x5f, 0x3a, 0x91, 0, 0, 0, 0);
  put32(bytes, 4, marker);
  return bytes;
}

/** The specs that an argument stands for. @throws RangeError on an unknown name */
export function frameSpecs(arg: FrameArg): FrameSpec[] {
  if (Array.isArray(arg)) return arg.flatMap(frameSpecs);
  if (typeof arg === 'string') return frameSpecs({ is: arg });
  const { is, count, ...rest } = arg;
  let specs: FrameSpec[] = [rest];
  if (is === 'P7') specs = P7.map((one) => ({ ...one, ...rest }));
  else if (is !== undefined) {
    if (!(is in NAMED))
      throw new RangeError(`no frame is called ${is}; known: ${Object.keys(NAMED).join(', ')}, P7`);
    specs = [{ ...NAMED[is], ...rest }];
  }
  if (count === undefined) return specs;
  return Array.from({ length: count }, (_, i) =>
    specs.map((one) => ({ ...one, marker: (one.marker ?? 0) + i })),
  ).flat();
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

function shapeOf(spec: FrameSpec): Shape | null {
  const shapes: [number | undefined, 4 | 6, 6 | 17, boolean][] = [
    [spec.t4, 4, 6, true],
    [spec.t6, 6, 6, true],
    [spec.u4, 4, 17, true],
    [spec.u6, 6, 17, true],
    [spec.r4, 4, 6, false],
    [spec.r6, 6, 6, false],
    [spec.ru, 4, 17, false],
    [spec.ru6, 6, 17, false],
  ];
  for (const [size, ip, proto, fromDevice] of shapes)
    if (size !== undefined) return { ip, proto, fromDevice, size };
  return null;
}

export function macOf(name: string, { dev, peer }: Macs): Uint8Array {
  if (name === 'dev') return dev;
  if (name === 'peer') return peer;
  if (name === 'foreign') return Uint8Array.of(2, 0, 0, 0, 0, 0x77);
  if (name === 'foreign2') return Uint8Array.of(...dev.subarray(0, 5), dev[5] ^ 0xff);
  if (name === 'multicast') return Uint8Array.of(1, 0, 0x5e, 0, 0, 0xfb);
  if (name === 'broadcast') return new Uint8Array(6).fill(0xff);
  const hex = name.replaceAll(':', '');
  if (!/^[0-9a-f]{12}$/i.test(hex)) throw new RangeError(`not a MAC address: ${name}`);
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/** Payload byte i is i mod 251. */
export function payloadBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = i % 251;
  return bytes;
}

/** Build one frame. @throws RangeError on a spec that is none */
export function buildFrame(spec: FrameSpec, macs: Macs): BuiltFrame {
  const label = labelOf(spec);
  if (spec.raw !== undefined)
    return { label, bytes: Uint8Array.from(Buffer.from(spec.raw.replace(/\s+/g, ''), 'hex')) };
  const built = spec.vxlan !== undefined ? vxlan(spec, spec.vxlan, macs) : plain(spec, macs);
  const marker = spec.marker === undefined ? {} : { marker: spec.marker };
  return { label, ...built, ...marker };
}

function labelOf(spec: FrameSpec): string {
  const text = JSON.stringify(spec).replaceAll('"', '');
  return text.length <= 120 ? text : `${text.slice(0, 119)}…`;
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
  bytes.set(content ?? payloadBytes(size), payload);
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
  bytes.set(payloadBytes(size), l3);
  overlay(bytes, l3, spec);
  return bytes;
}

function vxlan(spec: FrameSpec, inner: FrameSpec, macs: Macs): { bytes: Uint8Array } {
  const { bytes: frame } = buildFrame(inner, macs);
  const content = new Uint8Array(8 + frame.length);
  content[0] = 0x08;
  content[6] = 5;
  content.set(frame, 8);
  const { vxlan: _, marker: __, ...outer } = spec;
  return plain({ ports: [4789, 4789], ...outer, ru: content.length }, macs, content);
}

function ethernet(bytes: Uint8Array, spec: FrameSpec, macs: Macs, fromDevice: boolean, type: number): void {
  bytes.set(macOf(spec.to ?? (fromDevice ? 'peer' : 'dev'), macs), 0);
  bytes.set(macOf(spec.from ?? (fromDevice ? 'dev' : 'peer'), macs), 6);
  if (spec.vlan !== undefined) {
    put16(bytes, 12, 0x8100);
    put16(bytes, 14, spec.vlan);
  }
  put16(bytes, spec.vlan === undefined ? 12 : 16, type);
}

function ipv4(bytes: Uint8Array, l3: number, proto: number, fromDevice: boolean, spec: FrameSpec): void {
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

function ipv6(bytes: Uint8Array, l3: number, proto: number, fromDevice: boolean, spec: FrameSpec): void {
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

function overlay(bytes: Uint8Array, payload: number, spec: FrameSpec): void {
  if (spec.marker !== undefined)
    bytes.set(markerBytes(spec.marker).subarray(0, Math.max(0, bytes.length - payload)), payload);
  if (spec.end !== undefined) {
    const end = Buffer.from(spec.end.replace(/\s+/g, ''), 'hex');
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
  if (spec.patch !== undefined)
    bytes.set(Buffer.from(spec.patch.hex.replace(/\s+/g, ''), 'hex'), spec.patch.at);
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

/** Ones' complement sum that a partial checksum still lacks, for tests. */
export const restSum = (bytes: Uint8Array, start: number): number => onesSum(bytes, start, bytes.length);
