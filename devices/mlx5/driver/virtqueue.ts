import type { Iova, VdpaCallback } from '../../../framework/device.ts';
import { ANSWER, CONTEXT_AT, HEADER, LIST_AT, OBJECT, UMEM_COUNT_AT } from '../prm/commands.ts';
import { get64, getField, put64, putField } from '../prm/fields.ts';
import {
  AREA_AT,
  COUNTERS_AT,
  COUNTERS_SIZE,
  EVENT_MODE,
  MODIFY,
  MODIFY_SELECT_AT,
  NET_Q,
  NET_Q_SIZE,
  Q_STATE,
  QUEUE_TYPE,
  toQueueFeatures,
  UMEM_FIELDS,
  UMEMS_AT,
  VIRTIO_Q,
  VIRTIO_Q_AT,
} from '../prm/net-queue.ts';
import { CompletionChannel } from './completion-channel.ts';
import type { MemoryRegion } from './memory-region.ts';
import type { Resources } from './resources.ts';

const AT = CONTEXT_AT.generalObject;
const VQ = AT + VIRTIO_Q_AT;

/** What a queue object is made of beside what the driver of the guest said about the queue. */
export interface QueueSetting {
  readonly features: bigint;
  /** Memory of the buffers and of the ring areas; null: none. */
  readonly region: MemoryRegion | null;
  readonly ringRegion: MemoryRegion | null;
}

/** The objects of the firmware that stand for a queue. */
interface QueueObjects {
  readonly id: number;
  readonly size: number;
  readonly channel: CompletionChannel | null;
  readonly umems: readonly number[];
  readonly counters: number;
  regions: readonly (MemoryRegion | null)[];
}

/** A data queue: what is stored for it, and its queue object while there is one. */
export class Mlx5Virtqueue {
  readonly index: number;
  readonly #resources: Resources;
  num = 0;
  areas: readonly [desc: Iova, driver: Iova, device: Iova] | null = null;
  ready = false;
  callback: (() => void) | null = null;
  /** Where the queue begins when it is created, or goes on. */
  availableIndex = 0;
  usedIndex = 0;
  objects: QueueObjects | null = null;
  /** State of the queue object as far as the driver has brought it. */
  state: number = Q_STATE.INIT;
  /** What is to be modified before the queue runs again: bits of MODIFY. */
  modified = 0;

  constructor(index: number, resources: Resources) {
    this.index = index;
    this.#resources = resources;
  }

  get running(): boolean {
    return this.objects !== null && this.state === Q_STATE.RDY;
  }

  /** Whether a queue object can be made of what is stored. */
  get complete(): boolean {
    const { num } = this;
    return this.areas !== null && num > 0 && num <= this.#resources.maxQueueSize && (num & (num - 1)) === 0;
  }

  setCallback(cb: VdpaCallback): void {
    this.callback = cb.callback === null ? null : (cb.trigger ?? cb.callback);
  }

  /** Back to the state after creation; the objects are gone already. */
  forget(): void {
    this.num = 0;
    this.areas = null;
    this.ready = false;
    this.callback = null;
    this.availableIndex = 0;
    this.usedIndex = 0;
    this.modified = 0;
  }

  /**
   * Run the queue: resume its object, or make one where there is none or where it cannot run again.
   * @throws CommandFailed; then the queue does not run
   */
  start(setting: QueueSetting): void {
    if (this.running) return;
    if (this.objects === null) this.create(setting);
    else if (this.modified !== 0) this.#modifyFields(setting);
    this.#modify(MODIFY.STATE, (input) => putField(input, AT, NET_Q.state, Q_STATE.RDY));
    this.state = Q_STATE.RDY;
  }

  /** Whether the object there is cannot be used for the next start. */
  get outdated(): boolean {
    if (this.objects === null || this.running) return false;
    return !this.#resources.freezeToReady || this.objects.size !== this.num || this.state === Q_STATE.ERR;
  }

  /** Stop the queue, and remember where. A queue that does not run stays as it is. */
  suspend(): void {
    if (!this.running) return;
    this.#modify(MODIFY.STATE, (input) => putField(input, AT, NET_Q.state, Q_STATE.SUSPEND));
    if (this.objects === null) return; // a callback of a last completion reset the device
    this.state = Q_STATE.SUSPEND;
    const { used } = this.query();
    this.availableIndex = used;
    this.usedIndex = used;
  }

  /** Indices and state as the firmware has them now. */
  query(): { available: number; used: number; state: number } {
    const output = this.#resources.commands.run(
      'QUERY_GENERAL_OBJECT',
      0x10,
      (input) => this.#name(input, OBJECT.VIRTIO_NET_Q, this.objects!.id),
      AT + NET_Q_SIZE,
    );
    return {
      available: getField(output, AT, NET_Q.hw_available_index),
      used: getField(output, AT, NET_Q.hw_used_index),
      state: getField(output, AT, NET_Q.state),
    };
  }

  /** Descriptors received and completed since the object was made. */
  count(): { received: number; completed: number } {
    const output = this.#resources.commands.run(
      'QUERY_GENERAL_OBJECT',
      0x10,
      (input) => this.#name(input, OBJECT.VIRTIO_Q_COUNTERS, this.objects!.counters),
      AT + COUNTERS_SIZE,
    );
    return {
      received: get64(output, AT + COUNTERS_AT.received_desc),
      completed: get64(output, AT + COUNTERS_AT.completed_desc),
    };
  }

  /** The firmware has put the object into its error state. */
  failed(): void {
    this.state = Q_STATE.ERR;
    const { used } = this.query();
    this.availableIndex = used;
    this.usedIndex = used;
  }

  // ── the objects ───────────────────────────────────────────────────────────────────────────────
  /** Make the queue object, in INIT, and what it needs. @throws CommandFailed, and nothing is left */
  create(setting: QueueSetting): void {
    const { access, commands, pd, uar, eventMode } = this.#resources;
    const made: Partial<{ channel: CompletionChannel; umems: number[]; counters: number; id: number }> = {};
    try {
      if (eventMode === EVENT_MODE.QP)
        made.channel = new CompletionChannel(access, commands, pd, uar, this.num);
      made.umems = [];
      for (const size of this.#umemSizes()) made.umems.push(this.#createUmem(size));
      made.counters = this.#createObject(OBJECT.VIRTIO_Q_COUNTERS, COUNTERS_SIZE, () => {});
      const { channel, umems, counters } = made;
      made.id = this.#createObject(OBJECT.VIRTIO_NET_Q, NET_Q_SIZE, (input) => {
        this.#fillFixed(input, channel ?? null, umems, counters);
        this.#fillFields(input, setting);
      });
      const regions = [setting.region, setting.ringRegion];
      for (const region of regions) if (region !== null) region.users++;
      this.objects = { id: made.id, size: this.num, channel: channel ?? null, umems, counters, regions };
      this.state = Q_STATE.INIT;
      this.modified = 0;
    } catch (error) {
      this.#release(made);
      throw error;
    }
  }

  /** Remove the queue object and what it needed; it is not finished with what it had taken. */
  destroy(): void {
    const objects = this.objects;
    if (objects === null) return;
    this.objects = null;
    this.state = Q_STATE.INIT;
    this.modified = 0;
    this.#release({ ...objects, channel: objects.channel ?? undefined });
    this.#leave(objects.regions);
  }

  #release(
    made: Partial<{ channel: CompletionChannel; umems: readonly number[]; counters: number; id: number }>,
  ): void {
    const { commands } = this.#resources;
    if (made.id !== undefined) this.#destroyObject(OBJECT.VIRTIO_NET_Q, made.id);
    if (made.counters !== undefined) this.#destroyObject(OBJECT.VIRTIO_Q_COUNTERS, made.counters);
    for (const id of made.umems ?? []) commands.destroy('DESTROY_UMEM', id);
    made.channel?.destroy();
  }

  #leave(regions: readonly (MemoryRegion | null)[]): void {
    for (const region of regions) {
      if (region === null) continue;
      region.users--;
      region.settle();
    }
  }

  #umemSizes(): number[] {
    return this.#resources.umemParams.map(([a, b]) => a * this.num + b);
  }

  #createUmem(size: number): number {
    const pages = Math.ceil(size / 4096);
    const addr = this.#resources.access.memory.reserve(size);
    return this.#resources.commands.create('CREATE_UMEM', LIST_AT.umem + pages * 8, (input) => {
      put64(input, CONTEXT_AT.umem + UMEM_COUNT_AT, pages);
      for (let i = 0; i < pages; i++) put64(input, LIST_AT.umem + i * 8, addr + i * 4096);
    });
  }

  #fillFixed(
    input: Uint8Array,
    channel: CompletionChannel | null,
    umems: readonly number[],
    counters: number,
  ): void {
    const { pd, tis, eventMode } = this.#resources;
    putField(input, VQ, VIRTIO_Q.virtio_q_type, QUEUE_TYPE.SPLIT);
    putField(input, VQ, VIRTIO_Q.queue_index, this.index);
    putField(input, VQ, VIRTIO_Q.queue_size, this.num);
    putField(input, VQ, VIRTIO_Q.pd, pd);
    putField(input, VQ, VIRTIO_Q.counter_set_id, counters);
    putField(input, VQ, VIRTIO_Q.event_mode, eventMode);
    putField(input, VQ, VIRTIO_Q.event_qpn_or_msix, channel?.firmwareQpn ?? this.index);
    if (this.index % 2 === 1) putField(input, AT, NET_Q.tisn_or_qpn, tis);
    const sizes = this.#umemSizes();
    for (const [i, at] of UMEMS_AT.entries()) {
      putField(input, VQ + at, UMEM_FIELDS.id, umems[i]);
      putField(input, VQ + at, UMEM_FIELDS.size, sizes[i]);
    }
  }

  /** Everything that can be modified later. */
  #fillFields(input: Uint8Array, { features, region, ringRegion }: QueueSetting): void {
    const { nullKey, descGroup } = this.#resources;
    const mask = toQueueFeatures(features);
    putField(input, AT, NET_Q.features_12_3, mask >> 3);
    putField(input, AT, NET_Q.features_2_0, mask & 7);
    putField(input, AT, NET_Q.hw_available_index, this.availableIndex);
    putField(input, AT, NET_Q.hw_used_index, this.usedIndex);
    putField(input, VQ, VIRTIO_Q.virtio_version_1_0, 1);
    putField(input, VQ, VIRTIO_Q.virtio_q_mkey, region?.key ?? nullKey);
    if (descGroup) putField(input, VQ, VIRTIO_Q.desc_group_mkey, ringRegion?.key ?? nullKey);
    const [desc, driver, device] = this.areas!;
    put64(input, VQ + AREA_AT.desc, desc);
    put64(input, VQ + AREA_AT.available, driver);
    put64(input, VQ + AREA_AT.used, device);
  }

  /** Bring the object up to date with what changed since it was made. */
  #modifyFields(setting: QueueSetting): void {
    const objects = this.objects!;
    this.#modify(this.modified, (input) => this.#fillFields(input, setting));
    if ((this.modified & MODIFY.MKEY) !== 0) {
      const old = objects.regions;
      objects.regions = [setting.region, setting.ringRegion];
      for (const region of objects.regions) if (region !== null) region.users++;
      this.#leave(old);
    }
    this.modified = 0;
  }

  #modify(select: number, fill: (input: Uint8Array) => void): void {
    this.#resources.commands.run('MODIFY_GENERAL_OBJECT', AT + NET_Q_SIZE, (input) => {
      this.#name(input, OBJECT.VIRTIO_NET_Q, this.objects!.id);
      put64(input, AT + MODIFY_SELECT_AT, select);
      fill(input);
    });
  }

  #createObject(type: number, size: number, fill: (input: Uint8Array) => void): number {
    const output = this.#resources.commands.run('CREATE_GENERAL_OBJECT', AT + size, (input) => {
      this.#name(input, type, 0);
      fill(input);
    });
    return getField(output, 0, ANSWER.obj_id);
  }

  #destroyObject(type: number, id: number): void {
    this.#resources.commands.run('DESTROY_GENERAL_OBJECT', 0x10, (input) => this.#name(input, type, id));
  }

  #name(input: Uint8Array, type: number, id: number): void {
    putField(input, 0, HEADER.obj_type, type);
    putField(input, 0, HEADER.obj_id, id);
  }
}
