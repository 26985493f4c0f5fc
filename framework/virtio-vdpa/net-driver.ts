import { NET_F } from '../../specs/virtio-1.1/features.ts';
import type { BoundDevice } from '../bound-device.ts';
import type { Region } from '../memory/guest-memory.ts';
import { DriverBase, PATIENCE } from './driver-base.ts';
import { DriverError } from './driver-error.ts';
import type { DriverOptions } from './driver-options.ts';
import type { Done, DriverQueue } from './driver-queue.ts';
import {
  DATA_VALID,
  DEFAULT_MTU,
  ETHERNET,
  HDR,
  NEEDS_CSUM,
  type PartialChecksum,
  type ReceivedFrame,
  type SendOptions,
  VLAN_TAG,
} from './net-packets.ts';

/** How a network driver runs its device. */
export interface NetDriverOptions extends DriverOptions {
  /** Queue pairs to set up, within what the device has; more than 1 needs VIRTIO_NET_F_MQ (default 1). */
  readonly pairs?: number;
  /** Accept VIRTIO_NET_F_MRG_RXBUF (default true). */
  readonly mergeable?: boolean;
  /** Bytes of a receive buffer with mergeable buffers; raised where one packet would not fit (default 1536). */
  readonly rxBuffer?: number;
  /** Accept checksum offload both ways: VIRTIO_NET_F_CSUM and VIRTIO_NET_F_GUEST_CSUM (default false). */
  readonly checksum?: boolean;
}
const LINK_UP = 1;

/** Commands of the control queue that the driver knows: class, command (section 5.1.6.5). */
const PROMISC = [0, 0] as const;
const MAC_ADDR_SET = [1, 1] as const;
const VQ_PAIRS_SET = [4, 0] as const;

/** Bytes of the longest command: class, command, a MAC address. */
const COMMAND = 8;

/** A receive queue and the buffers of a packet of which not all have come back yet. */
interface Receiver {
  readonly queue: DriverQueue<Region>;
  parts: Uint8Array[];
}

/** A transmit queue and the memory of packets that are not under way. */
interface Sender {
  readonly queue: DriverQueue<Region>;
  readonly idle: Region[];
  readonly slots: number;
}

/** A virtio network driver (section 5.1): one or more queue pairs and, where there is one, the control queue. */
export class NetDriver extends DriverBase {
  /** Largest packet without its Ethernet header; the device's `mtu` if it tells one (section 5.1.4). */
  readonly mtu: number;
  /** Pairs that are set up. */
  readonly pairs: number;
  readonly #receivers: Receiver[] = [];
  readonly #senders: Sender[] = [];
  readonly #control: DriverQueue<null> | null;
  readonly #command: Region | null;
  readonly #rxBuffer: number;
  /** Packets of full size for which a receive queue has room. */
  #rxBudget = 1;
  #mac: Uint8Array;
  #inUse = 1;
  #linkUp = true;

  /** Bring the device up (sections 3.1.1 and 5.1.5). @throws DriverError when it does not come up */
  constructor(virtio: BoundDevice, options: NetDriverOptions) {
    super('net', virtio, options, understood(options));
    this.mtu = this.has(NET_F.MTU) ? this.configNumber('mtu') : DEFAULT_MTU;
    this.#rxBuffer = Math.max(HDR.size, options.rxBuffer ?? 1536);
    this.#mac = this.has(NET_F.MAC) ? virtio.readConfig(0, 6) : Uint8Array.of(2, 0, 0, 0, 0, 1);
    const maxPairs = this.has(NET_F.MQ) ? this.configNumber('max_virtqueue_pairs') : 1;
    this.pairs = Math.min(options.pairs ?? 1, maxPairs);
    for (let pair = 0; pair < this.pairs; pair++) {
      this.#receivers.push(this.#receiver(2 * pair));
      this.#senders.push(this.#sender(2 * pair + 1));
    }
    const control = this.has(NET_F.CTRL_VQ) ? this.addQueue<null>(2 * maxPairs, 2, true) : null;
    // A command and its answer are two elements, which a split queue of one descriptor cannot hold.
    this.#control = control !== null && control.limit >= 2 ? control : null;
    this.#command = this.#control === null ? null : this.alloc(COMMAND + 1);
    this.goLive();
    this.#readLink();
  }

  /** Own address: the device's, or a locally administered one if it has none (section 5.1.4.2). */
  get mac(): Uint8Array {
    return this.#mac.slice();
  }

  /** Link status; follows configuration changes. Up where the device does not tell it (section 5.1.5). */
  get linkUp(): boolean {
    if (this.configChanged) this.#readLink();
    return this.#linkUp;
  }

  /** Packets whose memory is in use on the transmit queues. */
  get sending(): number {
    return this.#senders.reduce((sum, { idle, slots }) => sum + slots - idle.length, 0);
  }

  /** Empty buffers that the receive queues offer. */
  get receiveBuffers(): number {
    return this.#receivers.reduce((sum, { queue }) => sum + queue.ring.outstanding, 0);
  }

  /**
   * Send one frame (section 5.1.6.2); waits for the device when the queue is full. The frame is copied.
   *
   * @throws RangeError for a frame above the MTU, or a queue that is not in use
   * @throws DriverError when the device stops, or `features` for a checksum that was not negotiated
   */
  send(frame: Uint8Array, { queue: index = 0, checksum }: SendOptions = {}): void {
    const most = this.mtu + ETHERNET + (frame[12] === 0x81 && frame[13] === 0 ? VLAN_TAG : 0);
    if (frame.length > most)
      throw new RangeError(`frame of ${frame.length} bytes; at most ${most} (5.1.4.2)`);
    if (!(index >= 0 && index < this.#inUse))
      throw new RangeError(`transmit queue ${index}: ${this.#inUse} in use`);
    if (checksum !== undefined && !this.has(NET_F.CSUM))
      throw new DriverError('features', 'VIRTIO_NET_F_CSUM was not negotiated');
    const sender = this.#senders[index];
    this.#reclaim(sender, false);
    for (;;) {
      const slot = sender.idle.at(-1);
      if (slot !== undefined && this.#put(sender.queue, slot, frame, checksum)) {
        sender.idle.pop();
        sender.queue.publish();
        return;
      }
      if (this.#reclaim(sender, true) === 0) this.waitFor(sender.queue);
    }
  }

  /**
   * Let the device work until it is idle, or for a while, and return what arrived, each queue in order. The
   * device gets as many turns at a time as there is room for packets: it may lose what it has no buffers for.
   */
  receive(): ReceivedFrame[] {
    const frames: ReceivedFrame[] = [];
    for (let busy = true, round = 0; busy && round < PATIENCE; round++) {
      busy = this.work(this.#rxBudget);
      for (let i = 0; i < this.#receivers.length; i++) {
        const receiver = this.#receivers[i];
        if (!receiver.queue.signalled) continue;
        busy = true;
        for (const done of receiver.queue.collect()) this.#take(i, receiver, done, frames);
        receiver.queue.publish();
      }
    }
    return frames;
  }

  /** Wait until everything sent has left, and take all memory back. @throws DriverError */
  drain(): void {
    for (const sender of this.#senders) {
      this.#reclaim(sender, true);
      while (sender.queue.ring.outstanding > 0) {
        this.waitFor(sender.queue);
        this.#reclaim(sender, true);
      }
    }
  }

  /** Receive everything, or what the address filter lets through (section 5.1.6.5.1). @throws DriverError */
  setPromiscuous(on: boolean): void {
    this.#need(NET_F.CTRL_RX, 'VIRTIO_NET_F_CTRL_RX');
    this.#run('setPromiscuous', PROMISC, Uint8Array.of(on ? 1 : 0));
  }

  /** Change the own address (section 5.1.6.5.2; MAC commands need CTRL_RX as well). @throws DriverError */
  setMac(mac: Uint8Array): void {
    if (mac.length !== 6 || (mac[0] & 1) !== 0) throw new RangeError('not the address of a station');
    this.#need(NET_F.CTRL_RX | NET_F.CTRL_MAC_ADDR, 'VIRTIO_NET_F_CTRL_MAC_ADDR with CTRL_RX');
    this.#run('setMac', MAC_ADDR_SET, mac);
    this.#mac = mac.slice();
  }

  /**
   * Use `pairs` queue pairs from now on (section 5.1.6.5.5); all are set up already. Packets on queues that
   * fall out of use leave first.
   *
   * @throws RangeError for none, or more than are set up
   * @throws DriverError
   */
  setPairs(pairs: number): void {
    if (!Number.isInteger(pairs) || pairs < 1 || pairs > this.pairs)
      throw new RangeError(`${pairs} pairs; 1 to ${this.pairs} are set up`);
    this.#need(NET_F.MQ, 'VIRTIO_NET_F_MQ');
    if (pairs < this.#inUse) this.drain();
    this.#run('setPairs', VQ_PAIRS_SET, Uint8Array.of(pairs & 0xff, pairs >> 8));
    this.#inUse = pairs;
  }

  /** A receive queue full of buffers (section 5.1.6.3): one packet fits one buffer, or all of them together. */
  #receiver(idx: number): Receiver {
    const queue = this.addQueue<Region>(idx, 1, true);
    const { num } = queue.ring.config;
    const packet = HDR.size + ETHERNET + VLAN_TAG + Math.max(this.mtu, DEFAULT_MTU);
    const merged = Math.max(this.#rxBuffer, Math.ceil(packet / num));
    const size = this.has(NET_F.MRG_RXBUF) ? merged : packet;
    this.#rxBudget = Math.floor((num * size) / packet);
    for (let i = 0; i < num; i++) this.#offer(queue, this.alloc(size));
    queue.ring.publish();
    return { queue, parts: [] };
  }

  /** A transmit queue, silent until it is full, and memory for as many packets as it holds. */
  #sender(idx: number): Sender {
    const queue = this.addQueue<Region>(idx, 2, false);
    const idle: Region[] = [];
    const size = HDR.size + ETHERNET + VLAN_TAG + this.mtu;
    for (let i = 0; i < queue.ring.config.num; i++) idle.push(this.alloc(size));
    return { queue, idle, slots: idle.length };
  }

  /** Header and frame: two elements, or one where the queue cannot hold two. False when there is no room. */
  #put(queue: DriverQueue<Region>, slot: Region, frame: Uint8Array, checksum?: PartialChecksum): boolean {
    const bytes = this.bytes(slot);
    bytes.fill(0, 0, HDR.size);
    if (checksum !== undefined) {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      view.setUint8(HDR.flags, NEEDS_CSUM);
      view.setUint16(HDR.csumStart, checksum.start, true);
      view.setUint16(HDR.csumOffset, checksum.offset, true);
    }
    bytes.set(frame, HDR.size);
    const { iova } = slot;
    if (queue.limit < 2) return queue.add([{ iova, len: HDR.size + frame.length, write: false }], slot);
    const header = { iova, len: HDR.size, write: false };
    return queue.add([header, { iova: iova + HDR.size, len: frame.length, write: false }], slot);
  }

  /** Free the memory of packets that have left (section 5.1.6.2.3). Returns how many. */
  #reclaim({ queue, idle }: Sender, watch: boolean): number {
    const done = queue.collect(watch);
    for (const { token } of done) idle.push(token);
    return done.length;
  }

  #offer(queue: DriverQueue<Region>, region: Region): void {
    queue.add([{ iova: region.iova, len: region.size, write: true }], region);
  }

  /** One used receive buffer: copy it, offer it again, and finish the packet it may complete (5.1.6.4). */
  #take(index: number, receiver: Receiver, { token, length }: Done<Region>, frames: ReceivedFrame[]): void {
    const { parts, queue } = receiver;
    const used = length ?? token.size;
    if (used > token.size || (parts.length === 0 && used < HDR.size))
      this.fail('device', `receive queue ${index}: ${used} bytes used of a buffer of ${token.size}`);
    parts.push(this.bytes(token).slice(0, used));
    this.#offer(queue, token);
    const header = new DataView(parts[0].buffer);
    const total = this.has(NET_F.MRG_RXBUF) ? header.getUint16(HDR.numBuffers, true) : 1;
    if (total === 0) this.fail('device', `receive queue ${index}: a packet in no buffers (5.1.6.4.1)`);
    if (parts.length < total) return;
    receiver.parts = [];
    const whole = parts.length === 1 ? parts[0] : new Uint8Array(Buffer.concat(parts));
    // Flags mean something only if GUEST_CSUM was negotiated; unknown ones are ignored (5.1.6.4.2).
    const flags = this.has(NET_F.GUEST_CSUM) ? header.getUint8(HDR.flags) : 0;
    const start = header.getUint16(HDR.csumStart, true);
    const offset = header.getUint16(HDR.csumOffset, true);
    frames.push({
      bytes: whole.subarray(HDR.size),
      queue: index,
      buffers: total,
      valid: (flags & DATA_VALID) !== 0,
      ...((flags & NEEDS_CSUM) === 0 ? {} : { checksum: { start, offset } }),
    });
  }

  #need(features: bigint, names: string): void {
    if (!this.has(features) || this.#control === null)
      throw new DriverError('features', `${names} is not in force`);
  }

  /** One command on the control queue (section 5.1.6.5): class, command and data in, one byte of answer out. */
  #run(what: string, [group, command]: readonly [number, number], data: Uint8Array): void {
    const queue = this.#control!;
    const slot = this.#command!;
    const bytes = this.bytes(slot);
    bytes.set([group, command, ...data]);
    bytes[COMMAND] = 0xff;
    const request = { iova: slot.iova, len: 2 + data.length, write: false };
    queue.add([request, { iova: slot.iova + COMMAND, len: 1, write: true }], null);
    queue.publish();
    while (queue.ring.outstanding > 0) {
      this.waitFor(queue);
      queue.collect();
    }
    if (bytes[COMMAND] !== 0) throw new DriverError('refused', `${what}: ack ${bytes[COMMAND]}`);
  }

  #readLink(): void {
    this.configChanged = false;
    this.#linkUp = !this.has(NET_F.STATUS) || (this.configNumber('status') & LINK_UP) !== 0;
  }
}

/** What the driver uses of section 5.1.3. */
function understood({ mergeable = true, checksum = false, pairs = 1 }: NetDriverOptions): bigint {
  let features = NET_F.MAC | NET_F.MTU | NET_F.STATUS | NET_F.CTRL_VQ | NET_F.CTRL_RX | NET_F.CTRL_MAC_ADDR;
  if (mergeable) features |= NET_F.MRG_RXBUF;
  if (checksum) features |= NET_F.CSUM | NET_F.GUEST_CSUM;
  if (pairs > 1) features |= NET_F.MQ;
  return features;
}
