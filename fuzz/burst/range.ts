import { BASELINE } from '../../conformance/session/bring-up.ts';
import { type Iova, PERM } from '../../framework/device.ts';
import type { ParentInstance } from '../../framework/parent.ts';
import type { TakenFrame } from '../../framework/peer.ts';
import type { PostedAnswers, PostedDriver } from '../../framework/transport/posted.ts';
import { bitMask } from '../../specs/virtio-1.1/features.ts';
import type { Bench } from '../execute.ts';
import { ARENA, Image } from './image.ts';
import { OpsPoster } from './ops-poster.ts';
import type { Shot } from './shot.ts';

/** Where arenas lie for a device that takes any mapping. */
const BASE = 0x5000_0000;
/** Units of work that a device without time of its own may take over one shot. */
const MOST_WORK = 256;

/** The target cannot be sent sessions ahead. */
export class NoPostedDriver extends Error {
  readonly code = 'NO_POSTED_DRIVER';
}

/** A shot on its way. */
export interface Flight {
  readonly shot: Shot;
  readonly image: Image;
  readonly answers: PostedAnswers;
  /** Its arena, once it was waited for. */
  readonly now: Buffer;
}

/** A device that shots are posted to, with an arena in shared memory for each of those that may be under way. */
export class Range {
  readonly #instance: ParentInstance;
  readonly #posted: PostedDriver;
  readonly #memory: Buffer;
  readonly #arenas: { readonly pa: number; readonly iova: Iova }[];
  readonly #images: Image[];
  readonly #baseline: bigint;
  #next = 0;

  /** Room for `count` shots. @throws NoPostedDriver, DeviceFailure */
  constructor({ target, facts, guest }: Bench, count: number) {
    const { definition, options } = target;
    const shared = definition.memory
      ? guest.share(definition, (size) => definition.memory!(size, options)).shared
      : undefined;
    const port = guest.host.port();
    this.#instance = definition.create({ port, seed: 1, options, ...(shared ? { memory: shared } : {}) });
    const { posted, pump, device } = this.#instance;
    if (posted === undefined && pump === undefined) {
      this.#instance.dispose?.();
      throw new NoPostedDriver(`${target.name} has no driver that sends sessions ahead`);
    }
    this.#posted = posted ?? new OpsPoster(device.ops);
    const bytes = shared?.bytes ?? guest.host.bytes;
    this.#memory = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const windows = shared?.windows ?? [this.#mapAll(bytes.length)];
    this.#arenas = Array.from({ length: count }, (_, i) => {
      const window = windows[i % windows.length];
      const back = ARENA * (Math.floor(i / windows.length) + 1);
      return { pa: window.pa + window.size - back, iova: window.iova + window.size - back };
    });
    this.#images = this.#arenas.map(() => new Image());
    this.#baseline = BASELINE & BigInt(facts.offered);
  }

  #mapAll(size: number) {
    const { ops } = this.#instance.device;
    const entry = { iova: BASE, size, addr: 0, perm: PERM.RW };
    if (ops.setMap) ops.setMap(0, [entry]);
    else ops.dmaMap?.(0, BASE, size, 0, PERM.RW);
    return { pa: 0, iova: BASE, size };
  }

  /** Lay out a shot in the next arena and post its session. */
  post(shot: Shot): Flight {
    const at = this.#next++ % this.#arenas.length;
    const [{ pa, iova }, image] = [this.#arenas[at], this.#images[at]];
    const now = this.#memory.subarray(pa, pa + ARENA);
    image.draw(shot, iova);
    now.set(image.bytes);
    const [desc, driver, device] = Image.areas;
    const answers = this.#posted.post({
      features: this.#baseline | bitMask(shot.features),
      queues: [{ index: shot.queue, num: shot.num, areas: [iova + desc, iova + driver, iova + device] }],
      kicks: [shot.queue],
    });
    this.#instance.pump?.(MOST_WORK);
    return { shot, image, answers, now };
  }

  /** Send what was posted. The function returned waits until it was carried out. */
  dispatch(): () => void {
    return this.#posted.dispatch();
  }

  /** Frames that came out of the device. */
  frames(): TakenFrame[] {
    return this.#instance.peer?.take?.() ?? [];
  }

  /** Let go of the device, and leave no trace in memory. */
  dispose(): void {
    this.#instance.dispose?.();
    for (const { pa } of this.#arenas) this.#memory.fill(0, pa, pa + ARENA);
  }
}
