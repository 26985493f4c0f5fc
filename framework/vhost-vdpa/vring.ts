import type { VdpaCallback } from '../device.ts';
import type { EventFd } from './eventfd.ts';

/** What vhost keeps for a virtqueue between the ioctls that set it; a device reset leaves all of it. */
export class Vring {
  readonly idx: number;
  num = 1;
  desc = 0n;
  used = 0n;
  avail = 0n;
  log = 0n;
  /** Avail and used position as in SET_VRING_BASE: packed ones with the wrap counter in bit 15. */
  lastAvail = 0;
  lastUsed = 0;
  /** Virtio features in force when they were set last; RING_PACKED decides how positions are read. */
  features = 0n;
  busyLoop = 0;
  kick: EventFd | null = null;
  call: EventFd | null = null;
  error: EventFd | null = null;
  /** Interrupt that injects into the guest directly, by way of the call eventfd. */
  bypass: number | null = null;
  stopKicks: (() => void) | null = null;

  constructor(idx: number) {
    this.idx = idx;
  }

  /**
   * Fill in what the parent is given in `setVqCb`: callback and trigger are the same eventfd, or nothing. The
   * structure is the caller's and is used again, as the one on the kernel's stack is.
   */
  fillCallback(into: VdpaCallback): VdpaCallback {
    const { call } = this;
    into.callback = call === null ? null : () => this.call?.signal();
    into.trigger = call === null ? undefined : () => call.signal();
    return into;
  }
}
