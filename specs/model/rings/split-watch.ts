import { SPLIT_USED } from '../../virtio-1.1/ring-layout.ts';
import type { AreaEvent, StoreEvent } from '../events.ts';
import type { WatchedBuffer } from './buffer.ts';
import { QueueWatch, type Report } from './queue-watch.ts';

interface UsedElement {
  id: number;
  len: number;
  /** Stored since the last index store that covered the slot. */
  fresh: boolean;
}

const RING = SPLIT_USED.ring;

/** Follows the used ring of a split queue store by store (sections 2.6.8 to 2.6.10). */
export class SplitWatch extends QueueWatch {
  #idx: number;
  /** Elements that were stored; made on first use. */
  readonly #elements: (UsedElement | undefined)[] = [];

  constructor(area: AreaEvent, report: Report) {
    super(area, report);
    this.#idx = area.start?.index ?? 0;
  }

  #at(slot: number): UsedElement {
    let element = this.#elements[slot];
    if (element === undefined) {
      element = { id: 0, len: 0, fresh: false };
      this.#elements[slot] = element;
    }
    return element;
  }

  protected published(): void {}
  settled(): void {}

  stored(area: 'desc' | 'device', offset: number, { n, v }: StoreEvent): void {
    if (area === 'desc') {
      this.report(
        'P1.1-017a',
        'the descriptor table is left alone',
        `the device stored ${n} bytes at +${offset}`,
      );
    } else if (offset < 2) this.#flags(n, v);
    else if (offset < RING) this.#index(n, v);
    else if (offset < RING + 8 * this.num) this.#element(offset - RING, n, v);
  }

  #flags(n: number, v: StoreEvent['v']): void {
    const flags = n === 2 ? (v as number) : Number.NaN;
    if (this.eventIdx) {
      if (flags !== 0)
        this.report('V1.1-2.6.10.2-D3', 'used.flags is 0 with EVENT_IDX', `the device stored ${flags}`);
    } else if (flags !== 0 && flags !== 1) {
      this.report('V1.1-2.6.10.2-D1', 'used.flags is 0 or 1', `the device stored ${flags}`);
    }
  }

  #element(at: number, n: number, v: StoreEvent['v']): void {
    const slot = Math.floor(at / 8);
    const element = this.#at(slot);
    const ahead = (slot - (this.#idx % this.num) + this.num) % this.num;
    if (ahead >= this.live.size) {
      this.report(
        'V1.1-2.6.8.2-D1',
        'used elements change only before the index covers them',
        `slot ${slot} was stored ${this.live.size === 0 ? 'with nothing outstanding' : 'after it had been handed over'}`,
      );
    }
    element.fresh = true;
    if (n === 8 && Array.isArray(v)) [element.id, element.len] = v;
    else if (n === 4 && at % 8 === 0) element.id = v as number;
    else if (n === 4) element.len = v as number;
  }

  #index(n: number, v: StoreEvent['v']): void {
    if (n !== 2) {
      this.report('P1.1-015', 'the used index is stored as 16 bits', `a store of ${n} bytes`);
      return;
    }
    const to = v as number;
    const count = (to - this.#idx) & 0xffff;
    if (count > this.live.size) {
      this.report(
        'P1.1-015',
        `the used index moves by at most the ${this.live.size} buffers outstanding`,
        `from ${this.#idx} to ${to}`,
      );
      this.#idx = to;
      return;
    }
    this.notifications.publishedSplit(this.#idx, to, this.eventIdx);
    for (let done = 0; done < count; ) {
      const element = this.#at(this.#idx % this.num);
      const used = this.#use(element, count - done);
      for (let i = 0; i < used; i++) this.#at((this.#idx + i) % this.num).fresh = false;
      this.#idx = (this.#idx + used) & 0xffff;
      done += used;
    }
  }

  /** One used element; returns how many positions of the ring it accounts for (more than 1 for a batch). */
  #use(element: UsedElement, left: number): number {
    if (!element.fresh) {
      this.report(
        'V1.1-2.6.8.2-D1',
        'a used element is complete before the used index covers it',
        `the index moved over position ${this.#idx}, whose element was not stored`,
      );
      return 1;
    }
    const buffer = this.live.get(element.id);
    if (buffer === undefined) {
      this.report('P1.1-016', 'used ids are heads of outstanding buffers, each once', `id ${element.id}`);
      return 1;
    }
    const batch = this.batchOf(buffer);
    if (this.inOrder && batch.length > left) {
      this.report(
        'V1.1-6.2-D5',
        'buffers are used in the order in which they became available',
        `head ${element.id} was used while ${batch.length - left} earlier buffer(s) are not covered by the index`,
      );
      this.release(buffer);
      return 1;
    }
    for (const one of batch) this.#done(one, one === buffer ? element.len : undefined);
    return batch.length;
  }

  #done(buffer: WatchedBuffer, len: number | undefined): void {
    if (len !== undefined) this.judgeLength(buffer, len, 'V1.1-2.6.8.2-D2');
    this.release(buffer);
  }
}
