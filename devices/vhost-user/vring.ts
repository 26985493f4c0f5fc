import { initialVqState, type VdpaCallback, type VqState } from '../../framework/device.ts';
import { EventFd } from '../../framework/native/eventfd.ts';

/** One queue as the front end knows it. */
export class Vring {
  readonly kick = new EventFd();
  readonly call = new EventFd();
  readonly error = new EventFd();
  num = 0;
  desc = 0;
  driver = 0;
  device = 0;
  state: VqState = initialVqState();
  /** Made ready by the driver. */
  ready = false;
  /** The back end runs it. */
  started = false;
  callback: VdpaCallback['callback'] = null;

  /** As after a reset. */
  clear(): void {
    this.num = 0;
    this.desc = this.driver = this.device = 0;
    this.state = initialVqState();
    this.ready = false;
    this.started = false;
    this.callback = null;
    for (const event of [this.kick, this.call, this.error]) event.drain();
  }

  dispose(): void {
    for (const event of [this.kick, this.call, this.error]) event.dispose();
  }
}

/**
 * A queue position as SET_VRING_BASE takes it. Split: the avail index. Packed: slot and wrap counter of the next
 * available descriptor in bits 0-15, of the next used one in bits 16-31.
 */
export function toBase(state: VqState, packed: boolean): number {
  if (!packed) return state.split.availIndex;
  const { lastAvailIdx, lastAvailCounter, lastUsedIdx, lastUsedCounter } = state.packed;
  return (lastAvailIdx | (lastAvailCounter << 15) | (lastUsedIdx << 16) | (lastUsedCounter << 31)) >>> 0;
}

/** The reverse of {@link toBase}. A back end that tells one packed position only means both. */
export function fromBase(base: number, packed: boolean): VqState {
  const state = initialVqState();
  if (!packed) {
    state.split.availIndex = base & 0xffff;
    return state;
  }
  const used = base >>> 16 === 0 ? base & 0xffff : base >>> 16;
  state.packed = {
    lastAvailIdx: base & 0x7fff,
    lastAvailCounter: (base >>> 15) & 1,
    lastUsedIdx: used & 0x7fff,
    lastUsedCounter: used >>> 15,
  };
  return state;
}
