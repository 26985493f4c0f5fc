import type { Defect } from '../defect.ts';
import { inRing } from './ring-defect.ts';

/** Wrong reading of the available ring. */
export const SPLIT_AVAILABLE: readonly Defect[] = [
  inRing(
    {
      id: 'split/avail-index-without-wrap',
      breaks: ['P1.1-017e'],
      what: 'compares the available index as a plain number, and stops at 65535',
      origin: 'SP-10: class of SPDK d03cac1310',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.availableCount = () => Math.max(0, ring.availIndex - ring.nextAvail);
    },
  ),
  inRing(
    {
      id: 'split/heads-in-table-order',
      breaks: ['P1.1-017e'],
      what: 'takes slot i of the descriptor table for the head in slot i of the available ring',
      origin: 'IO-08: text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.readHead = (slot) => slot;
    },
  ),
  inRing(
    {
      id: 'split/one-buffer-per-index-update',
      breaks: ['P1.1-017e'],
      what: 'takes one buffer whenever the available index has moved, by however much',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      const { take } = ring;
      ring.take = (buffer) => {
        const taken = take.call(ring, buffer);
        ring.nextAvail = ring.availIndex;
        return taken;
      };
    },
  ),
];
