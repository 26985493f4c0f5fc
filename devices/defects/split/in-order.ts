import { writableBytes } from '../../../framework/virtqueue/device/ring.ts';
import type { BlkDevice } from '../../simulator/blk/blk-device.ts';
import { BLK_S } from '../../simulator/blk/request.ts';
import { BLK, BOTH, type Defect, defineDefect, onPackedRing, onSplitRing } from '../defect.ts';
import { inRing } from './ring-defect.ts';

/** Defects of in-order use start from a device that makes batches. */
const BATCHING = { variant: 'batching' } as const;

/** Wrong order of use. */
export const SPLIT_IN_ORDER: readonly Defect[] = [
  inRing(
    {
      id: 'split/batch-at-last-position',
      breaks: ['P1.1-017h'],
      what: 'writes the used element of a batch at the position of its last buffer',
      origin: 'IO-05: text inverted',
      seenBy: 'expectation',
      options: BATCHING,
    },
    (ring) => {
      if (!ring.config.inOrder) return;
      ring.writeUsedEntries = (count) => {
        const slot = ring.usedSlot(ring.advanceIndex(ring.usedIndex, count - 1));
        ring.writeUsedElement(slot, ring.pendingId[count - 1], ring.pendingLen[count - 1]);
      };
    },
  ),
  inRing(
    {
      id: 'split/batch-moves-index-by-one',
      breaks: ['P1.1-017h'],
      what: 'moves the used index by one for a batch of any size',
      origin: 'IO-04: text inverted',
      seenBy: 'expectation',
      options: BATCHING,
    },
    (ring) => {
      if (!ring.config.inOrder) return;
      const { commit } = ring;
      ring.commit = () => {
        const { pending } = ring;
        if (pending > 1) {
          ring.writeUsedElement(
            ring.usedSlot(ring.usedIndex),
            ring.pendingId[pending - 1],
            ring.pendingLen[pending - 1],
          );
          const index = ring.advanceIndex(ring.usedIndex, 1);
          ring.storeUsedIndex(index);
          ring.advanceUsed(index, 1);
        } else commit.call(ring);
      };
    },
  ),
  defineDefect({
    id: 'split/batch-skips-requests',
    parents: BOTH,
    breaks: ['P1.1-017i'],
    what: 'covers buffers with a batch entry that it never worked on',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    options: BATCHING,
    seed(device) {
      const { run } = device;
      device.run = (queue, buffer) => {
        const { ring } = queue;
        if (!queue.packed && ring!.config.inOrder && ring!.hasAvailable())
          device.complete(queue, buffer, writableBytes(buffer));
        else run.call(device, queue, buffer);
      };
    },
  }),
  defineDefect({
    id: 'split/batch-before-it-is-done',
    parents: BLK,
    breaks: ['P1.1-017i'],
    what: 'publishes buffers that are followed by others one pump before their data and status are there',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    options: BATCHING,
    seed(device) {
      const { run, pump } = device;
      let late: (() => void)[] = [];
      device.run = (queue, buffer) => {
        const { ring } = queue;
        if (queue.packed || !ring!.config.inOrder || !ring!.hasAvailable()) run.call(device, queue, buffer);
        else {
          const copy = { ...buffer, addr: [...buffer.addr], len: [...buffer.len] };
          late.push(() => void device.execute(queue, copy));
          device.complete(queue, buffer, writableBytes(buffer));
        }
      };
      device.pump = (budget) => {
        const now = late;
        late = [];
        for (const act of now) act();
        return pump.call(device, budget);
      };
    },
  }),
  defineDefect({
    id: 'in-order/fastest-first',
    parents: BOTH,
    breaks: ['V1.1-6.2-D5'],
    what: 'gives buffers back as they are finished although IN_ORDER was negotiated',
    origin: 'IO-01: OpenVMM 6ec16db46',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      onSplitRing(device, (ring) => {
        ring.inTurn = () => true;
      });
      onPackedRing(device, (ring) => {
        ring.inTurn = () => true;
      });
    },
  }),
  defineDefect({
    id: 'in-order/last-first',
    parents: BOTH,
    breaks: ['V1.1-6.2-D5'],
    what: 'gives the buffers of a pump back in reverse order although IN_ORDER was negotiated',
    origin: 'IO-13: back end that cannot keep order',
    seenBy: 'invariant',
    fuzz: 'yes',
    options: { variant: 'out-of-order' },
    seed(device) {
      const { giveBack } = device;
      device.giveBack = (queue, buffer, written) => {
        giveBack.call(device, queue, buffer, written);
        device.publish(queue);
      };
      onSplitRing(device, (ring) => {
        ring.inTurn = () => true;
      });
      onPackedRing(device, (ring) => {
        ring.inTurn = () => true;
      });
    },
  }),
  defineDefect<BlkDevice>({
    id: 'in-order/errors-first',
    parents: BLK,
    breaks: ['V1.1-6.2-D5'],
    what: 'gives failed requests back at once, before older ones that still run',
    origin: 'IO-02: OpenVMM 6ec16db46',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      let failed = false;
      const { finish } = device;
      device.finish = (request, outcome) => {
        failed = outcome.status !== BLK_S.OK;
        return finish.call(device, request, outcome);
      };
      onSplitRing(device, (ring) => {
        const { inTurn } = ring;
        ring.inTurn = (buffer) => failed || inTurn.call(ring, buffer);
      });
      onPackedRing(device, (ring) => {
        const { inTurn } = ring;
        ring.inTurn = (buffer) => failed || inTurn.call(ring, buffer);
      });
    },
  }),
];
