import { NET_HDR } from '../../conformance/kits/net.ts';
import type { TakenFrame } from '../../framework/peer.ts';
import { isLawful, type Shot } from './shot.ts';

/** Frames that nobody asked for are kept for a while: those of shots that still are under way. */
const MOST_KEPT = 256;

/** Frames between two looks, and their bytes, that a socket takes without filling up: what is spoilt makes more. */
const HEAVY = { count: 128, bytes: 64 << 10 };

const key = (bytes: Uint8Array, from: number) =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, bytes.length - from).toString('latin1');

/** Frames that came out of a net device and belong to no shot yet. */
export class FramesOut {
  readonly #kept = new Set<string>();
  /** The last frames filled the socket, or nearly; those behind them had to wait. */
  #heavy = false;

  /** Take in what came. Returns whether it was so much that the device may have had to wait for the network. */
  add(frames: readonly TakenFrame[]): boolean {
    const before = this.#heavy;
    let total = 0;
    for (const { bytes } of frames) {
      total += bytes.length;
      this.#kept.add(key(bytes, 0));
    }
    this.#heavy = total > HEAVY.bytes || frames.length > HEAVY.count;
    for (const old of this.#kept) {
      if (this.#kept.size <= MOST_KEPT) break;
      this.#kept.delete(old);
    }
    return before || this.#heavy;
  }

  /** Whether every frame of a shot came out; a disk has none, and of one that breaks rules none is expected. */
  takeThoseOf(shot: Shot): boolean {
    if (shot.queue === 0 || !isLawful(shot)) return true;
    return shot.chains.every(({ parts }) => {
      const bytes = Buffer.concat(parts.map((part) => ('read' in part ? part.read : new Uint8Array())));
      return this.#kept.delete(key(bytes, NET_HDR));
    });
  }

  forget(): void {
    this.#kept.clear();
    this.#heavy = false;
  }
}
