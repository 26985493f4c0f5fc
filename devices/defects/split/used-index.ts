import type { SimQueue } from '../../simulator/queue.ts';
import { BLK, BOTH, type Defect, defineDefect, onSplitRing } from '../defect.ts';
import { inRing } from './ring-defect.ts';

/** Address of the last device-writable byte of `buffer`, or -1. */
function lastByte(buffer: {
  readable: number;
  writable: number;
  addr: readonly number[];
  len: readonly number[];
}): number {
  if (buffer.writable === 0) return -1;
  const last = buffer.readable + buffer.writable - 1;
  return buffer.addr[last] + buffer.len[last] - 1;
}

/** Wrong used indexes, and work done twice. */
export const SPLIT_USED_INDEX: readonly Defect[] = [
  inRing(
    {
      id: 'split/used-index-modulo-size',
      breaks: ['P1.1-015'],
      what: 'stores the used index modulo the queue size',
      origin: 'SP-08: DPDK 38e6400387',
      seenBy: 'invariant',
    },
    (ring) => {
      const { storeUsedIndex } = ring;
      ring.storeUsedIndex = (index) => storeUsedIndex.call(ring, ring.slotOf(index));
    },
  ),
  defineDefect({
    id: 'split/used-index-survives-reset',
    parents: BOTH,
    breaks: ['P1.1-015'],
    what: 'counts on after a reset',
    origin: 'text inverted',
    seenBy: 'invariant',
    fuzz: 'yes',
    seed(device) {
      const reached = new Map<number, number>();
      onSplitRing(device, (ring, queue) => {
        if (ring.usedIndex === 0) ring.usedIndex = reached.get(queue.index) ?? 0;
        const { advanceUsed } = ring;
        ring.advanceUsed = (index, count) => {
          advanceUsed.call(ring, index, count);
          reached.set(queue.index, index);
        };
      });
    },
  }),
  inRing(
    {
      id: 'split/used-index-saturates',
      breaks: ['P1.1-015'],
      what: 'never lets the used index go over 65535',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.advanceIndex = (index, count) => Math.min(0xffff, index + count);
    },
  ),
  defineDefect({
    id: 'split/stores-status-again',
    parents: BLK,
    breaks: ['P1.1-017j'],
    what: 'stores the last byte of a buffer once more after the used index covered it',
    origin: 'text inverted',
    seenBy: 'invariant',
    fuzz: 'yes',
    seed(device) {
      let due: { queue: SimQueue; at: number } | null = null;
      const { giveBack, publish } = device;
      device.giveBack = (queue, buffer, written) => {
        const at = lastByte(buffer);
        due = at < 0 || written === 0 ? null : { queue, at };
        giveBack.call(device, queue, buffer, written);
      };
      device.publish = (queue) => {
        publish.call(device, queue);
        if (due !== null && due.queue === queue) queue.bufferDma!.put8(due.at, 0);
        due = null;
      };
    },
  }),
  defineDefect({
    id: 'split/repeats-a-transfer',
    parents: BLK,
    breaks: ['P1.1-017j'],
    what: 'repeats the last byte of a transfer when the next buffer comes in',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const last = new Map<SimQueue, number>();
      const { giveBack, take } = device;
      device.giveBack = (queue, buffer, written) => {
        if (written > 0) last.set(queue, lastByte(buffer));
        giveBack.call(device, queue, buffer, written);
      };
      device.take = (queue) => {
        const buffer = take.call(device, queue);
        const at = last.get(queue) ?? -1;
        if (buffer !== null && at >= 0) queue.bufferDma!.put8(at, 0);
        last.delete(queue);
        return buffer;
      };
    },
  }),
];
