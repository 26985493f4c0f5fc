import { type FrameLayout, PROTO_TCP, PROTO_UDP, parseFrame } from './frame.ts';

/** Flows that the device remembers; the oldest gives way. */
export const MAX_FLOWS = 4096;

/**
 * Automatic receive steering (section 5.1.6.5.5). The pair on which the driver last transmitted a packet of a
 * flow is where packets of the flow arrive; a flow that has not transmitted goes by a hash of its addresses.
 * Every choice lies within the pairs in use.
 */
export class Steering {
  /** VIRTIO_NET_F_MQ is negotiated. */
  enabled = false;
  /** Queue pairs in use: 1 until VQ_PAIRS_SET says otherwise. */
  pairs = 1;
  flows: Map<number, number> | null = null;

  /** Back to one pair and no flows. */
  reset(): void {
    this.resetPairs();
    this.enabled = false;
    this.flows = null;
  }

  /** Multiqueue is off after reset (5.1.6.5.5). */
  resetPairs(): void {
    this.pairs = 1;
  }

  /** Number of pairs from VQ_PAIRS_SET, already checked. */
  setPairs(pairs: number): void {
    this.pairs = pairs;
  }

  /** Remember that a frame left on `pair`. */
  learn(bytes: Uint8Array, length: number, pair: number): void {
    if (!this.enabled) return;
    const flow = this.flowOf(bytes, length, true);
    if (flow < 0) return;
    this.flows ??= new Map();
    if (this.flows.size >= MAX_FLOWS && !this.flows.has(flow))
      this.flows.delete(this.flows.keys().next().value!);
    this.flows.set(flow, pair);
  }

  /** Pair (from 0) on which a received frame is to arrive. */
  pairFor(bytes: Uint8Array, length: number): number {
    if (!this.enabled || this.pairs === 1) return 0;
    const flow = this.flowOf(bytes, length, false);
    if (flow < 0) return 0;
    const learnt = this.flows?.get(flow);
    return learnt === undefined ? this.unknownFlow(flow) : this.clamp(learnt);
  }

  /** Pair of a flow that has not transmitted yet; any pair in use will do. */
  unknownFlow(flow: number): number {
    return flow % this.pairs;
  }

  /** Pair of a flow that transmitted on a pair which is no longer in use. */
  clamp(pair: number): number {
    return pair % this.pairs;
  }

  /**
   * Key of the flow of a frame: addresses, protocol and ports as the receiver of a reply sees them
   * (`reversed` for transmitted frames), or -1 for a frame that is not IP.
   */
  flowOf(bytes: Uint8Array, length: number, reversed: boolean): number {
    const layout = parseFrame(bytes, length);
    if (layout.ip === 0) return -1;
    const size = layout.ip === 4 ? 4 : 16;
    const source = layout.l3 + (layout.ip === 4 ? 12 : 8);
    const key = new FlowHash();
    key.add(layout.protocol & 0xff);
    const ports = this.hasPorts(layout) ? layout.l4 : -1;
    for (const half of reversed ? [1, 0] : [0, 1]) {
      key.addRange(bytes, source + half * size, size);
      if (ports >= 0) key.addRange(bytes, ports + half * 2, 2);
    }
    return key.value();
  }

  /** Fragments other than the first carry no ports, so no fragment is told apart by them. */
  hasPorts(layout: FrameLayout): boolean {
    return (
      !layout.fragment &&
      layout.payload >= 0 &&
      (layout.protocol === PROTO_TCP || layout.protocol === PROTO_UDP)
    );
  }
}

/** Two 32-bit FNV-style hashes that make one 52-bit key: wide enough that flows do not collide in practice. */
class FlowHash {
  #a = 0x811c9dc5;
  #b = 0x9747b28c;

  add(byte: number): void {
    this.#a = Math.imul(this.#a ^ byte, 0x01000193);
    this.#b = Math.imul(this.#b ^ byte, 0x85ebca6b) ^ (this.#b >>> 15);
  }

  addRange(bytes: Uint8Array, at: number, count: number): void {
    for (let i = at; i < at + count; i++) this.add(bytes[i]);
  }

  value(): number {
    return (this.#a >>> 0) * 0x10_0000 + (this.#b & 0xf_ffff);
  }
}
