import { PERM } from '../../../framework/device.ts';
import type { FrameMeta, PeerOffload } from '../../../framework/peer.ts';
import { type DeviceBuffer, readableBytes } from '../../../framework/virtqueue/device/ring.ts';
import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import { loadReadable } from '../../simulator/buffer-io.ts';
import { GSO, NET_HEADER } from '../../simulator/net/header.ts';
import { NET_S, type NetProfile } from '../../simulator/net/net-config.ts';
import { macKey, RxFilter } from '../../simulator/net/rx-filter.ts';
import { RxOffload } from '../../simulator/net/rx-offload.ts';
import { Steering } from '../../simulator/net/steering.ts';
import { TransmitPath } from '../../simulator/net/tx.ts';
import { GIVEN } from '../channel.ts';
import { DaemonDevice } from './daemon-device.ts';
import type { KernelCalls } from './kernel-calls.ts';
import { control, SWITCHED } from './net-control.ts';
import { isFrame, NetReceive } from './net-receive.ts';
import type { DaemonQueue } from './queue.ts';

/** Longest control command in bytes. */
const MOST_COMMAND = 0x1_0000;
/** Offset of `status` in the configuration space (section 5.1.4). */
const STATUS_AT = 6;

/** The network behind the daemon: what it takes, and frames on their way there. */
class Wire {
  readonly #kernel: KernelCalls;
  linkUp = true;
  stalled = false;
  offloads: ReadonlySet<PeerOffload> = new Set();

  constructor(kernel: KernelCalls) {
    this.#kernel = kernel;
  }

  put(bytes: Uint8Array, queue: number, meta?: FrameMeta): void {
    this.#kernel.frame(bytes, queue, meta);
  }
}

/** A network device in a daemon (section 5.1): pairs of queues, and a control queue where the kernel lets it. */
export class NetDaemon extends DaemonDevice {
  readonly profile: NetProfile;
  readonly peer: Wire;
  readonly filter = new RxFilter();
  readonly steering = new Steering();
  readonly receive: NetReceive;
  readonly transmit: TransmitPath;
  readonly offload: RxOffload;
  readonly mtu: number;
  /** Offloads that the driver takes now. */
  offloads = 0n;
  /** The `status` field; ahead of the configuration space while the device is suspended. */
  #link: number = NET_S.LINK_UP;

  constructor(profile: NetProfile, dataValid: boolean, kernel: KernelCalls) {
    super(profile, kernel);
    this.profile = profile;
    this.mtu = profile.mtu;
    this.peer = new Wire(kernel);
    this.receive = new NetReceive(this);
    this.transmit = new TransmitPath(this);
    this.offload = new RxOffload(this);
    this.offload.dataValid = dataValid;
    this.filter.ownMac = macKey(this.config);
  }

  // ── what was negotiated ───────────────────────────────────────────────────────────────────────
  get csum(): boolean {
    return this.negotiated(NET_F.CSUM);
  }
  get mergeable(): boolean {
    return this.negotiated(NET_F.MRG_RXBUF);
  }
  get mtuNegotiated(): boolean {
    return this.negotiated(NET_F.MTU);
  }
  get rscExt(): boolean {
    return this.negotiated(NET_F.RSC_EXT);
  }
  get guestGso(): boolean {
    return (this.features & (NET_F.GUEST_TSO4 | NET_F.GUEST_TSO6 | NET_F.GUEST_UFO)) !== 0n;
  }
  hostGso(type: number): boolean {
    if (type === GSO.TCPV4) return this.negotiated(NET_F.HOST_TSO4);
    if (type === GSO.TCPV6) return this.negotiated(NET_F.HOST_TSO6);
    return type === GSO.UDP && this.negotiated(NET_F.HOST_UFO);
  }
  headerLength(): number {
    return NET_HEADER;
  }
  #kindOf({ index }: DaemonQueue): 'receive' | 'transmit' | 'control' | 'none' {
    const pairs = this.negotiated(NET_F.MQ) ? this.profile.maxPairs : 1;
    if (index < 2 * pairs) return index % 2 === 0 ? 'receive' : 'transmit';
    return index === 2 * pairs && this.negotiated(NET_F.CTRL_VQ) ? 'control' : 'none';
  }

  // ── life ──────────────────────────────────────────────────────────────────────────────────────
  override featuresAccepted(): void {
    this.offloads = this.features & SWITCHED;
    this.steering.enabled = this.negotiated(NET_F.MQ);
    this.filter.vlanFiltering = this.negotiated(NET_F.CTRL_VLAN);
  }

  /** Frames that came before are not delivered. */
  override starts(): void {
    this.receive.reset();
  }

  override reset(): void {
    super.reset();
    this.offloads = 0n;
    this.storeConfig(0, this.profile.config.subarray(0, STATUS_AT));
    this.announced();
    this.filter.reset(macKey(this.config));
    this.steering.reset();
    this.receive.reset();
  }

  /** Frames that the driver has not got leave again. */
  override handOver(): void {
    for (const { bytes, meta } of this.receive.giveUp()) this.kernel.frame(bytes, GIVEN.FRAME, meta);
  }

  // ── the far side ──────────────────────────────────────────────────────────────────────────────
  /** The carrier comes or goes (section 5.1.5). */
  setLink(up: boolean): void {
    if (this.peer.linkUp === up) return;
    this.peer.linkUp = up;
    this.#changeStatus(up ? this.#link | NET_S.LINK_UP : this.#link & ~NET_S.LINK_UP);
  }

  /** The driver is to announce itself, if it can be told (section 5.1.6.5.4). */
  announce(): void {
    if (this.running && this.negotiated(NET_F.GUEST_ANNOUNCE | NET_F.STATUS))
      this.#changeStatus(this.#link | NET_S.ANNOUNCE);
  }

  /** It did, or is gone. */
  announced(): void {
    this.#link &= ~NET_S.ANNOUNCE;
    this.storeConfig(STATUS_AT, Uint8Array.of(this.#link & 0xff, this.#link >> 8));
  }

  #changeStatus(status: number): void {
    this.#link = status;
    this.changeConfig(STATUS_AT, Uint8Array.of(status & 0xff, status >> 8));
  }

  override configStored(offset: number, length: number): void {
    const { config } = this;
    if (offset < STATUS_AT) this.filter.ownMac = macKey(config);
    if (offset > STATUS_AT + 1 || offset + length <= STATUS_AT || config.length <= STATUS_AT) return;
    this.#link = config[STATUS_AT] | (config[STATUS_AT + 1] << 8);
    this.peer.linkUp = (this.#link & NET_S.LINK_UP) !== 0;
  }

  /** Whether frames are listened to at all. */
  get hears(): boolean {
    return this.running && !this.broken && this.peer.linkUp;
  }

  /** Whether a frame is for this driver (section 5.1.6.5.1). */
  wants(bytes: Uint8Array): boolean {
    return isFrame(bytes) && this.filter.accepts(bytes, bytes.length);
  }

  usePairs(pairs: number): void {
    this.steering.setPairs(pairs);
    this.receive.steerAnew();
  }

  // ── queues ────────────────────────────────────────────────────────────────────────────────────
  override arrivals(budget: number): number {
    return this.receive.route(budget);
  }
  override get waiting(): boolean {
    return this.receive.hasArrivals;
  }

  /** A receive queue tells where it stands also while it holds buffers for a packet that needs more. */
  override settled(queue: DaemonQueue): boolean {
    return this.#kindOf(queue) === 'receive' || super.settled(queue);
  }

  override runnable(queue: DaemonQueue): boolean {
    if (!super.runnable(queue)) return false;
    switch (this.#kindOf(queue)) {
      case 'receive':
        return queue.holdCount === 0 && this.receive.waitsFor(queue);
      case 'transmit':
        return !this.peer.stalled;
      case 'control':
        return true;
      default:
        return false;
    }
  }

  override serveBuffer(queue: DaemonQueue, turn: { told: boolean }): boolean {
    if (this.#kindOf(queue) !== 'receive') return super.serveBuffer(queue, turn);
    const { done, told } = this.receive.serve(queue);
    turn.told = told;
    return done > 0;
  }

  execute(queue: DaemonQueue, buffer: DeviceBuffer): number {
    return this.#kindOf(queue) === 'control'
      ? this.#command(queue, buffer)
      : this.transmit.process(queue, buffer);
  }

  /** The ack is the first writable byte, wherever that is. */
  #command({ dma }: DaemonQueue, buffer: DeviceBuffer): number {
    const { readable, writable, len, addr } = buffer;
    let at = readable;
    while (at < readable + writable && len[at] === 0) at++;
    if (at === readable + writable || !dma.permits(addr[at], 1, PERM.WO)) return 0;
    const bytes = new Uint8Array(readableBytes(buffer) <= MOST_COMMAND ? readableBytes(buffer) : 0);
    loadReadable(dma, buffer, 0, bytes);
    dma.put8(addr[at], control(this, bytes));
    return 1;
  }
}
