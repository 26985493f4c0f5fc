import type { PackedDeviceRing } from '../../../framework/virtqueue/device/packed.ts';
import { writableBytes } from '../../../framework/virtqueue/device/ring.ts';
import { type Defect, simulated } from '../defect.ts';
import { packed } from './ring-defect.ts';

/** Batches of used buffers (IN_ORDER). */
export const PACKED_BATCHES: readonly Defect[] = [
  packed(
    {
      id: 'packed/batch-entry-at-last',
      breaks: ['P1.1-014h'],
      what: 'writes the used descriptor of a batch at the position of its last buffer',
      options: { variant: 'batching' },
    },
    (ring) => writeBatch(ring, 'last'),
  ),
  packed(
    {
      id: 'packed/batch-skips-buffers',
      breaks: ['P1.1-014h'],
      what: 'skips as many slots as the batch has buffers, not as they have descriptors',
      options: { variant: 'batching' },
    },
    (ring) => writeBatch(ring, 'count'),
  ),
  packed(
    {
      id: 'packed/batch-with-first-id',
      breaks: ['P1.1-014h'],
      what: 'writes the id of the first buffer of a batch',
      options: { variant: 'batching' },
    },
    (ring) => writeBatch(ring, 'first-id'),
  ),
  simulated(
    {
      id: 'packed/batch-before-done',
      breaks: ['P1.1-014i'],
      what: 'publishes a batch although it only carried out its last buffer',
      options: { variant: 'batching' },
    },
    (device) => {
      const { execute } = device;
      device.execute = (queue, buffer) => {
        const { ring } = queue;
        const skip = queue.packed && ring!.config.inOrder && ring!.hasAvailable();
        return skip ? writableBytes(buffer) : execute.call(device, queue, buffer);
      };
    },
  ),
];

/** One used descriptor for everything that is pending, with something wrong about it. */
function writeBatch(ring: PackedDeviceRing, fault: 'last' | 'count' | 'first-id'): void {
  if (!ring.config.inOrder) return;
  ring.writeUsedDescriptors = (count) => {
    const end = count - 1;
    const slots = ring.pendingSlots.slice(0, count).reduce((sum, n) => sum + n, 0);
    if (fault === 'last') ring.advanceUsed(slots - ring.pendingSlots[end]);
    const id = fault === 'first-id' ? ring.pendingId[0] : ring.pendingId[end];
    ring.writeUsedElement(ring.usedSlot, id, ring.pendingLen[end]);
    ring.storeUsedFlags(ring.usedSlot, ring.usedFlags(ring.usedWrap, ring.pendingFlags[end]));
    ring.advanceUsed(fault === 'last' ? ring.pendingSlots[end] : fault === 'count' ? count : slots);
    return slots;
  };
}
