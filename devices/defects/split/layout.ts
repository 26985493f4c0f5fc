import { availEventOffset } from '../../../specs/virtio-1.1/ring-layout.ts';
import type { Defect } from '../defect.ts';
import { inRing } from './ring-defect.ts';

/** Wrong use of the layout of the ring. */
export const SPLIT_LAYOUT: readonly Defect[] = [
  inRing(
    {
      id: 'split/clears-avail-flags',
      breaks: ['P1.1-017a'],
      what: 'acknowledges the interrupt flag of the available ring by clearing it',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      const { commit } = ring;
      ring.commit = () => {
        commit.call(ring);
        ring.ringDma.put16(ring.availBase, 0);
      };
    },
  ),
  inRing(
    {
      id: 'split/unlinks-descriptors',
      breaks: ['P1.1-017a'],
      what: 'takes a chain out of the descriptor table by clearing the head’s next field',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      const { walkChain } = ring;
      ring.walkChain = (buffer, head) => {
        walkChain.call(ring, buffer, head);
        ring.ringDma.put16(ring.descBase + 16 * head + 14, 0);
      };
    },
  ),
  inRing(
    {
      id: 'split/used-modulus-largest-size',
      breaks: ['P1.1-017b'],
      what: 'takes the largest queue size, not the configured one, as modulus of the used ring',
      origin: 'QS-02: the device works with its maximum instead of the configured size',
      seenBy: 'invariant',
    },
    (ring, _, device) => {
      ring.usedSlot = (index) => index % device.profile.numMax;
    },
  ),
  inRing(
    {
      id: 'split/avail-event-at-largest-size',
      breaks: ['P1.1-017b'],
      what: 'stores avail_event where it would be in a ring of the largest size',
      origin: 'EV-17: event word computed with the maximum size',
      seenBy: 'invariant',
    },
    (ring, _, device) => {
      ring.storeAvailEvent = (index) =>
        ring.ringDma.put16(ring.usedBase + availEventOffset(device.profile.numMax), index);
    },
  ),
  inRing(
    {
      id: 'split/full-ring-looks-empty',
      breaks: ['P1.1-017f'],
      what: 'counts available buffers modulo the queue size, so that a full ring counts as empty',
      origin: 'SP-11: SPDK 808a2b05c2',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.availableCount = () => ((ring.availIndex - ring.nextAvail) & 0xffff) % ring.num;
    },
  ),
];
