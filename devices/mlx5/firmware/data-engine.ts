import type { DevicePort } from '../../../framework/memory/host-memory.ts';
import { DmaFault } from '../../../framework/memory/host-memory.ts';
import {
  type DeviceRing,
  type DeviceRingConfig,
  RingError,
} from '../../../framework/virtqueue/device/ring.ts';
import { SplitDeviceRing } from '../../../framework/virtqueue/device/split.ts';
import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import { GUEST_OFFLOADS } from '../../simulator/net/control.ts';
import { NET_DEVICE_ID } from '../../simulator/net/net-config.ts';
import { NetDevice } from '../../simulator/net/net-device.ts';
import type { SimQueue } from '../../simulator/queue.ts';
import { OBJECT } from '../prm/commands.ts';
import { EQE, EQE_OBJECT, EVENT, PORT_SUB_TYPE } from '../prm/completion.ts';
import { putField } from '../prm/fields.ts';
import { Q_STATE, toVirtioFeatures } from '../prm/net-queue.ts';
import { sendCompletion } from './completion.ts';
import type { Firmware } from './firmware.ts';
import type { CounterSet, NetQueue } from './net-queues.ts';
import { HashSteering, RuleFilter } from './receive-steering.ts';
import { type FunctionShape, PORT_OVERHEAD } from './shape.ts';

const GUEST_GSO = NET_F.GUEST_TSO4 | NET_F.GUEST_TSO6;
/** `error_type` of a queue whose ring or memory was wrong. */
const ERROR_BAD_RING = 1;

/**
 * What runs the virtqueues of queue objects: packets and rings as in the simulated network device, but with
 * features, memory keys and interrupts of the object of each queue, frames by flow rules, and no control queue.
 */
export class DataEngine extends NetDevice {
  override readonly filter = new RuleFilter(() => this.firmware);
  override readonly steering = new HashSteering(() => this.firmware);
  /** Queue objects by virtqueue index. */
  readonly objects: (NetQueue | undefined)[] = [];
  /** Virtio features of each queue that runs. */
  readonly inForce: bigint[] = [];
  /** Set by the function. */
  firmware!: Firmware;
  /** Set by the driver: an interrupt vector of a queue fires. */
  onInterrupt: ((vector: number) => void) | null = null;

  constructor(shape: FunctionShape, port: DevicePort) {
    const mtu = shape.portMtu - PORT_OVERHEAD;
    super(
      {
        deviceType: 'net',
        deviceId: NET_DEVICE_ID,
        nvqs: shape.maxQueues,
        ngroups: 1,
        nas: 1,
        features: 0n,
        numMax: shape.maxQueueSize,
        config: new Uint8Array(12),
        dma: 'set',
        variant: undefined,
        maxPairs: shape.maxQueues / 2,
        mtu,
      },
      port,
    );
    this.pairs = this.maxPairs;
    this.mtuNegotiated = true;
  }

  // ── queue objects ─────────────────────────────────────────────────────────────────────────────
  attach(object: NetQueue): void {
    this.objects[object.index] = object;
    const queue = this.queues[object.index];
    queue.received = 0;
    queue.completed = 0;
  }

  /** The object goes: the queue is not touched any more, finished or not. */
  detach(object: NetQueue): void {
    this.queues[object.index].stop();
    this.objects[object.index] = undefined;
  }

  /** Run the queue from the indices of its object on. False when it cannot. */
  begin(object: NetQueue): boolean {
    const queue = this.queues[object.index];
    this.inForce[object.index] = toVirtioFeatures(object.features);
    queue.num = object.size;
    queue.descArea = object.desc;
    queue.driverArea = object.available;
    queue.deviceArea = object.used;
    queue.addressSet = true;
    queue.start.split.availIndex = object.availableIndex;
    queue.latched = null;
    this.use(queue);
    return this.startQueue(queue);
  }

  /** Finish what was taken and stop; the object keeps the position. */
  stop(object: NetQueue): void {
    const queue = this.queues[object.index];
    this.stopQueue(queue);
    if (object.state === Q_STATE.ERR) return;
    object.usedIndex = queue.start.split.availIndex;
    object.availableIndex = object.usedIndex;
  }

  /** Bring the indices of an object up to date. */
  locate(object: NetQueue): void {
    const { ring } = this.queues[object.index];
    if (ring === null || this.objects[object.index] !== object) return;
    object.usedIndex = ring.state().split.availIndex;
    object.availableIndex = (object.usedIndex + ring.outstanding) & 0xffff;
  }

  /** Bring counters up to date. */
  count(counters: CounterSet): void {
    const object = this.objects.find((one) => one?.counters === counters);
    if (object === undefined) return;
    counters.received = this.queues[object.index].received;
    counters.completed = this.queues[object.index].completed;
  }

  /** The receive queue table changed: frames that wait follow it. */
  steeringChanged(): void {
    this.rx.resteer();
  }

  /** The switch begins or ceases to send frames here: nothing from before is delivered. */
  portOpens(): void {
    this.rx.reset();
    for (const queue of this.queues) queue.holdCount = 0;
  }

  // ── what differs from the simulated device ────────────────────────────────────────────────────
  /** Offloads of the queue that is worked on. */
  use(queue: SimQueue): void {
    const features = this.inForce[queue.index];
    if (features === this.driverFeatures) return;
    this.driverFeatures = features;
    this.csum = (features & NET_F.CSUM) !== 0n;
    this.mergeable = (features & NET_F.MRG_RXBUF) !== 0n;
    this.guestGso = (features & GUEST_GSO) !== 0n;
    this.offloads = features & GUEST_OFFLOADS;
  }

  override negotiated(mask: bigint): boolean {
    return (this.driverFeatures & mask) === mask;
  }

  override serveQueue(queue: SimQueue): number {
    this.use(queue);
    return super.serveQueue(queue);
  }

  override drain(queue: SimQueue): void {
    this.use(queue);
    super.drain(queue);
  }

  override aimViews(queue: SimQueue): void {
    super.aimViews(queue);
    const object = this.objects[queue.index]!;
    const { nowhere } = this.firmware.memoryKeys;
    queue.ringDma!.retarget(object.ringKey?.table ?? nowhere);
    queue.bufferDma!.retarget(object.key?.table ?? nowhere);
  }

  override createRing(queue: SimQueue, config: DeviceRingConfig): DeviceRing {
    const ring = super.createRing(queue, config);
    if (ring instanceof SplitDeviceRing) ring.usedIndex = this.objects[queue.index]!.usedIndex;
    return ring;
  }

  override interrupt(queue: SimQueue): void {
    const object = this.objects[queue.index];
    if (object === undefined) return;
    if (object.pair !== null) sendCompletion(this.firmware, object.pair);
    else if (object.vector >= 0) this.onInterrupt?.(object.vector);
  }

  override get driverOk(): boolean {
    return this.objects.some((object) => object?.state === Q_STATE.RDY && object.index % 2 === 0);
  }

  /** Frames wait outside while all receive queues are suspended. */
  override listens(): boolean {
    return this.driverOk || this.firmware.l2Table.size === 0;
  }

  // ── errors and events ─────────────────────────────────────────────────────────────────────────
  /** A queue whose ring is malformed or out of reach enters the error state; the others go on. */
  override serveFailed(queue: SimQueue, error: unknown): number {
    if (!(error instanceof RingError || error instanceof DmaFault)) throw error;
    this.queueFailed(queue);
    return 0;
  }

  queueFailed(queue: SimQueue): void {
    const object = this.objects[queue.index];
    if (object === undefined || object.state === Q_STATE.ERR) return;
    this.locate(object);
    object.state = Q_STATE.ERR;
    object.errorType = ERROR_BAD_RING;
    queue.stop();
    this.firmware.event((entry) => {
      putField(entry, 0, EQE.type, EVENT.OBJECT_CHANGE);
      putField(entry, 0, EQE_OBJECT.type, OBJECT.VIRTIO_NET_Q);
      putField(entry, 0, EQE_OBJECT.id, object.id);
    });
  }

  override needsReset(_why: string): void {
    for (const object of this.objects) {
      if (object === undefined || object.state === Q_STATE.ERR) continue;
      this.locate(object);
      object.state = Q_STATE.ERR;
      this.queues[object.index].stop();
    }
    this.firmware.event((entry) => putField(entry, 0, EQE.type, EVENT.INTERNAL_ERROR));
  }

  override linkChanged(up: boolean): void {
    this.firmware.event((entry) => {
      putField(entry, 0, EQE.type, EVENT.PORT_CHANGE);
      putField(entry, 0, EQE.sub_type, up ? PORT_SUB_TYPE.ACTIVE : PORT_SUB_TYPE.DOWN);
    });
  }

  /** There is nothing to ask the driver for announcements with. */
  override raiseAnnounce(): void {}
}
