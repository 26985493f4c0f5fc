import { ERRNO, PERM, type VqState } from '../../../framework/device.ts';
import type { DevicePort } from '../../../framework/memory/host-memory.ts';
import type { DeviceBacking } from '../../../framework/parent.ts';
import { type DeviceBuffer, readableBytes } from '../../../framework/virtqueue/device/ring.ts';
import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import { loadReadable } from '../buffer-io.ts';
import { copyVqState, type SimQueue } from '../queue.ts';
import { ACK, Control, GUEST_OFFLOADS } from './control.ts';
import { GSO, NET_HEADER } from './header.ts';
import { NET_S, NetConfig, type NetProfile } from './net-config.ts';
import { ReceivePath } from './rx.ts';
import { macKey } from './rx-filter.ts';
import { scratch } from './scratch.ts';
import { Steering } from './steering.ts';
import { TransmitPath } from './tx.ts';

const GUEST_GSO = NET_F.GUEST_TSO4 | NET_F.GUEST_TSO6 | NET_F.GUEST_UFO;

/** Where the carrier shows in the configuration space (section 5.1.4). */
const LINK_AT = 6;

/** Longest control command in bytes, header included; more is answered with an error. */
export const MAX_COMMAND = 0x1_0000;

/**
 * The network device (section 5.1). Queues: receive and transmit pairs, then the control queue, at index 2
 * unless VIRTIO_NET_F_MQ is negotiated (section 5.1.2). The parts do the work: {@link TransmitPath},
 * {@link ReceivePath}, {@link RxFilter}, {@link Steering}, {@link Control}.
 */
export class NetDevice extends NetConfig {
  readonly tx: TransmitPath;
  readonly rx: ReceivePath;
  readonly steering = new Steering();
  readonly control: Control;

  // in force since FEATURES_OK
  csum = false;
  mergeable = false;
  mtuNegotiated = false;
  rscExt = false;
  /** Some kind of super-frame may be received. */
  guestGso = false;
  /** Offloads that the driver takes now (section 5.1.6.5.6). */
  offloads = 0n;
  /** Pairs that exist with the features negotiated. */
  pairs = 0;
  /** Index of the control queue, or -1. */
  controlAt = -1;

  constructor(profile: NetProfile, port: DevicePort, name?: string) {
    super(profile, port, name);
    this.tx = new TransmitPath(this);
    this.rx = new ReceivePath(this);
    this.control = new Control(this);
  }

  // ── life cycle ────────────────────────────────────────────────────────────────────────────────
  override featuresAccepted(): void {
    this.csum = this.negotiated(NET_F.CSUM);
    this.mergeable = this.negotiated(NET_F.MRG_RXBUF);
    this.mtuNegotiated = this.negotiated(NET_F.MTU);
    this.rscExt = this.negotiated(NET_F.RSC_EXT);
    this.guestGso = (this.driverFeatures & GUEST_GSO) !== 0n;
    this.offloads = this.initialOffloads();
    this.pairs = this.negotiated(NET_F.MQ) ? this.maxPairs : 1;
    this.controlAt = this.negotiated(NET_F.CTRL_VQ) ? this.controlIndex() : -1;
    this.steering.enabled = this.negotiated(NET_F.MQ);
    this.filter.vlanFiltering = this.negotiated(NET_F.CTRL_VLAN);
  }

  /** Offloads in force without any command: all that were negotiated (5.1.6.5.6.1). */
  initialOffloads(): bigint {
    return this.driverFeatures & GUEST_OFFLOADS;
  }

  /** Where the control queue is with the features that the driver set (section 5.1.2). */
  controlIndex(): number {
    return (this.driverFeatures & NET_F.MQ) !== 0n ? 2 * this.maxPairs : 2;
  }

  /** Nothing that arrived before DRIVER_OK is delivered. */
  override startDevice(): void {
    this.rx.reset();
    super.startDevice();
  }

  override deviceReset(): void {
    this.csum = false;
    this.mergeable = false;
    this.mtuNegotiated = false;
    this.rscExt = false;
    this.guestGso = false;
    this.offloads = 0n;
    this.pairs = 0;
    this.controlAt = -1;
    this.config.store(0, this.profile.config.subarray(0, 6));
    this.clearAnnounce();
    this.filter.reset(macKey(this.config.bytes));
    this.steering.reset();
    this.rx.reset();
  }

  // ── queues ────────────────────────────────────────────────────────────────────────────────────
  isControl(index: number): boolean {
    return index === this.controlAt;
  }

  isReceive(index: number): boolean {
    return index % 2 === 0 && index < 2 * this.pairs;
  }

  isTransmit(index: number): boolean {
    return index % 2 === 1 && index < 2 * this.pairs;
  }

  /** Receive queue of a pair, counted from 0. */
  receiveQueue(pair: number): SimQueue {
    return this.queues[2 * pair];
  }

  /** The control queue is a group of its own where the profile has two. */
  override getVqGroup(index: number): number {
    return this.ngroups > 1 && this.offers(NET_F.CTRL_VQ) && index === this.controlIndex() ? 1 : 0;
  }

  /** Receive queues know their position also while they hold buffers for a packet that is too long for them. */
  override getVqState(idx: number, state: VqState): number {
    const queue = this.queues[idx];
    if (queue === undefined) return -ERRNO.EINVAL;
    if (!this.isReceive(idx) || queue.ring === null) return super.getVqState(idx, state);
    copyVqState(queue.ring.state(), state);
    return 0;
  }

  /** Bytes of the packet header: always 12 with VIRTIO_F_VERSION_1 (section 5.1.6). */
  headerLength(): number {
    return NET_HEADER;
  }

  /** Whether segmentation of `gso_type` (without ECN) was negotiated. */
  hostGso(type: number): boolean {
    if (type === GSO.TCPV4) return this.negotiated(NET_F.HOST_TSO4);
    if (type === GSO.TCPV6) return this.negotiated(NET_F.HOST_TSO6);
    return type === GSO.UDP && this.negotiated(NET_F.HOST_UFO);
  }

  // ── work ──────────────────────────────────────────────────────────────────────────────────────
  override pump(budget: number): number {
    const routed = this.rx.route(budget);
    return routed + super.pump(budget - routed);
  }

  /** Whether frames are taken from the far side now; while suspended they wait there. */
  listens(): boolean {
    return !this.suspended;
  }

  override runnable(queue: SimQueue): boolean {
    if (!super.runnable(queue)) return false;
    if (this.isReceive(queue.index)) return this.rx.hasWork(queue);
    return this.isControl(queue.index) || (this.isTransmit(queue.index) && !this.peer.stalled);
  }

  override serve(queue: SimQueue): number {
    return this.isReceive(queue.index) ? this.rx.serve(queue) : super.serve(queue);
  }

  override execute(queue: SimQueue, buffer: DeviceBuffer): number {
    return this.isControl(queue.index) ? this.command(queue, buffer) : this.tx.process(queue, buffer);
  }

  /** One control command, in whatever layout it comes; the ack is the first device-writable byte (5.1.6.5). */
  command(queue: SimQueue, buffer: DeviceBuffer): number {
    const dma = queue.bufferDma!;
    const ack = this.ackAddress(buffer);
    if (ack < 0 || !dma.permits(ack, 1, PERM.WO))
      return this.malformed(queue, buffer, 'no place for the ack byte');
    const length = readableBytes(buffer);
    let result: number = ACK.ERR;
    if (length <= MAX_COMMAND) {
      const bytes = scratch();
      loadReadable(dma, buffer, 0, bytes, 0, length);
      result = this.control.execute(bytes, length);
    }
    return this.acknowledge(queue, ack, result);
  }

  /** Address of the first device-writable byte, or -1. */
  ackAddress(buffer: DeviceBuffer): number {
    for (let i = buffer.readable; i < buffer.readable + buffer.writable; i++)
      if (buffer.len[i] > 0) return buffer.addr[i];
    return -1;
  }

  /** Store the ack byte. Returns the used length. */
  acknowledge(queue: SimQueue, at: number, ack: number): number {
    queue.bufferDma!.put8(at, ack);
    return 1;
  }

  // ── what lies behind ──────────────────────────────────────────────────────────────────────────
  /** The carrier, and frames that the driver has not got. */
  backing(): DeviceBacking {
    return {
      config: [[LINK_AT, Uint8Array.of(this.statusField & NET_S.LINK_UP)]],
      frames: this.rx.giveUp(),
    };
  }

  adopt({ config }: DeviceBacking): void {
    for (const [offset, bytes] of config)
      if (offset === LINK_AT) this.peer.link((bytes[0] & NET_S.LINK_UP) !== 0);
  }

  /** The number of pairs in use changes; frames that wait follow (5.1.6.5.5.2). */
  setPairs(pairs: number): void {
    this.steering.setPairs(pairs);
    this.rx.resteer();
  }
}
