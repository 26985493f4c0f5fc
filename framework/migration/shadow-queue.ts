import type { VdpaConfigOps, VqState } from '../device.ts';
import type { HostMemory } from '../memory/host-memory.ts';
import type { DmaView } from '../memory/iotlb.ts';
import { createDeviceRing } from '../virtqueue/device/create.ts';
import type { DeviceBuffer, DeviceRing, DeviceRingConfig } from '../virtqueue/device/ring.ts';
import { layoutQueue } from '../virtqueue/driver/areas.ts';
import { createDriverRing } from '../virtqueue/driver/create.ts';
import type { Area, DriverRing, QueueAreas } from '../virtqueue/driver/ring.ts';

/** A buffer of the guest that the parent has, until it can be given back in order. */
interface Passed {
  readonly buffer: DeviceBuffer;
  used: number | null;
}

/** How a shadow queue is made. */
export interface ShadowConfig {
  readonly idx: number;
  readonly packed: boolean;
  readonly eventIdx: boolean;
  readonly inOrder: boolean;
  /** Memory for the shadow ring, mapped for the parent. */
  readonly room: Area;
  readonly num: number;
  readonly memory: HostMemory;
  /** The guest's addresses, and those under which the parent has the same memory. */
  readonly view: DmaView;
  readonly translate: (iova: number) => number;
}

/** Bytes that the ring of a shadow queue takes at most. */
export function shadowRoom(num: number): number {
  const sizes = (['split', 'packed'] as const).map((format) => {
    const { desc, driver, device } = layoutQueue(format, num);
    return desc.size + driver.size + device.size;
  });
  return Math.ceil((Math.max(...sizes) + 64) / 64) * 64;
}

/**
 * A queue of the guest relayed to a queue of a parent: descriptors are passed on with the addresses that the parent
 * knows, indirect tables resolved; what comes back is given to the guest in the order in which it became available, so
 * that one position says all there is to say.
 */
export class ShadowQueue {
  readonly idx: number;
  readonly areas: QueueAreas;
  readonly num: number;
  readonly #packed: boolean;
  readonly #view: DmaView;
  /** The guest's ring while it is relayed. */
  #guest: DeviceRing | null = null;
  readonly #shadow: DriverRing;
  readonly #translate: (iova: number) => number;
  /** Buffers with the parent, oldest first. */
  #passed: Passed[] = [];
  /** Taken from the guest, and too long for what is free in the shadow ring. */
  #waiting: DeviceBuffer | null = null;

  constructor({ idx, packed, eventIdx, inOrder, room, num, memory, view, translate }: ShadowConfig) {
    this.idx = idx;
    this.num = num;
    this.#translate = translate;
    this.#packed = packed;
    this.#view = view;
    this.areas = placed(packed, num, room);
    this.#shadow = createDriverRing(packed, {
      memory,
      num,
      ...this.areas,
      eventIdx,
      inOrder,
    });
  }

  /** Relay the guest's ring from `start` on. */
  connect(guest: DeviceRingConfig, start: VqState): void {
    this.#guest = createDeviceRing(this.#packed, this.#view, this.#view, guest, start);
  }

  /** The guest's ring is not relayed any more; what the parent has of it is given back to nobody. */
  disconnect(): VqState | null {
    const state = this.state();
    this.#guest = null;
    this.#passed = [];
    this.#waiting = null;
    return state;
  }

  /** Where the guest's ring stands: behind what was given back. Null while none is relayed. */
  state(): VqState | null {
    return this.#guest?.state() ?? null;
  }

  /** Pass on what the guest made available. Returns how many buffers. */
  forward(ops: VdpaConfigOps, withData: boolean): number {
    let count = 0;
    for (let buffer = this.#next(); buffer !== null; buffer = this.#next()) {
      const elements = Array.from({ length: buffer.readable + buffer.writable }, (_, i) => ({
        iova: this.#translate(buffer.addr[i]),
        len: buffer.len[i],
        write: i >= buffer.readable,
      }));
      if (elements.length > this.#shadow.free) {
        this.#waiting = buffer;
        break;
      }
      const passed: Passed = { buffer, used: null };
      this.#shadow.add(elements, { token: passed });
      this.#passed.push(passed);
      count++;
    }
    if (count === 0) return 0;
    this.#shadow.publish();
    if (!this.#shadow.kickNeeded()) return count;
    if (withData && ops.kickVqWithData !== undefined)
      ops.kickVqWithData((this.#shadow.notificationData() | this.idx) >>> 0);
    else ops.kickVq(this.idx);
    return count;
  }

  #next(): DeviceBuffer | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    const guest = this.#guest;
    if (guest === null) return null;
    return waiting ?? guest.pop() ?? (guest.enableKicks() ? guest.pop() : null);
  }

  /** Give back what the parent used. Returns how many buffers; `notify` is called when the guest wants to hear of it. */
  backward(notify: () => void): number {
    for (let used = this.#shadow.poll(); used !== null; used = this.#shadow.poll())
      if (used.known) (used.token as Passed).used = used.len ?? 0;
    this.#shadow.armInterrupts();
    const guest = this.#guest;
    if (guest === null) return 0;
    let count = 0;
    for (; this.#passed.length > 0 && this.#passed[0].used !== null; count++) {
      const { buffer, used } = this.#passed.shift()!;
      guest.push(buffer, used!);
    }
    if (count === 0) return 0;
    guest.publish();
    if (guest.needsNotification()) notify();
    return count;
  }
}

function placed(packed: boolean, num: number, room: Area): QueueAreas {
  const layout = layoutQueue(packed ? 'packed' : 'split', num);
  let offset = 0;
  const next = ({ size, align }: { size: number; align: number }): Area => {
    offset = Math.ceil(offset / align) * align;
    const area = { pa: room.pa + offset, iova: room.iova + offset, size };
    offset += size;
    return area;
  };
  return { desc: next(layout.desc), driver: next(layout.driver), device: next(layout.device) };
}
