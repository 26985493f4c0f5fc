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

/** A spec as an author would say it, cut to 120 characters. */
export function labelOf(spec: FrameSpec): string {
  const text = JSON.stringify(spec).replaceAll('"', '');
  return text.length <= 120 ? text : `${text.slice(0, 119)}…`;
}
