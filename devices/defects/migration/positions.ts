import { type Defect, onSplitRing } from '../defect.ts';
import { isPacked, migrating, move, onPosition, onRestart } from './migration-defect.ts';

/** Positions that are wrong when a device stops, or when it goes on. */
export const MIGRATION_POSITIONS: readonly Defect[] = [
  migrating(
    {
      id: 'migration/position-one-ahead',
      breaks: ['VDPA-033'],
      what: 'A suspended device tells the position behind the next buffer, so that this one is nobody’s.',
    },
    (device) => onPosition(device, (state, { num }) => move(state, isPacked(device), num, 1)),
  ),
  migrating(
    {
      id: 'migration/position-one-behind',
      breaks: ['VDPA-033'],
      what: 'A suspended device tells the position of the buffer that it completed last, which is done again.',
    },
    (device) => onPosition(device, (state, { num }) => move(state, isPacked(device), num, -1)),
  ),
  migrating(
    {
      id: 'migration/position-drifts',
      breaks: ['VDPA-033'],
      what: 'Each reading of the position of a suspended queue moves it on.',
    },
    (device) => {
      let readings = 0;
      onPosition(device, (state, { num }) => move(state, isPacked(device), num, readings++ % 2));
    },
  ),
  migrating(
    {
      id: 'migration/wrap-counter-lost',
      breaks: ['VDPA-035'],
      what: 'A suspended device tells the positions of a packed queue without their wrap counters.',
    },
    (device) =>
      onPosition(device, ({ packed }) => {
        packed.lastAvailCounter = 1;
        packed.lastUsedCounter = 1;
      }),
  ),
  migrating(
    {
      id: 'migration/used-counter-inverted',
      breaks: ['VDPA-035'],
      what: 'The used wrap counter of a packed queue is told inverted once the ring has gone round.',
    },
    (device) =>
      onPosition(device, ({ packed }) => {
        if (isPacked(device) && packed.lastAvailCounter === 0) packed.lastUsedCounter = 1;
      }),
  ),
  migrating(
    {
      id: 'migration/used-index-from-zero',
      breaks: ['VDPA-028'],
      what: 'A queue that starts at a position takes the avail index from it, and counts used buffers from 0.',
    },
    (device) =>
      onSplitRing(device, (ring) => {
        ring.usedIndex = 0;
      }),
  ),
  migrating(
    {
      id: 'migration/restart-does-last-again',
      breaks: ['VDPA-027'],
      what: 'A queue that starts at a position begins one buffer earlier and completes that one again.',
    },
    (device) => onRestart(device, (state, { num }) => move(state, isPacked(device), num, -1)),
  ),
  migrating(
    {
      id: 'migration/restart-ignores-counters',
      breaks: ['VDPA-027'],
      what: 'A packed queue starts with both wrap counters 1, whatever it is told.',
    },
    (device) =>
      onRestart(device, ({ packed }) => {
        packed.lastAvailCounter = 1;
        packed.lastUsedCounter = 1;
      }),
  ),
  migrating(
    {
      id: 'migration/restart-signed',
      breaks: ['VDPA-027'],
      what: 'The avail index that a split queue starts at is kept in a signed field and refused from 32768 on.',
    },
    (device) => {
      const { setVqState } = device;
      device.setVqState = (idx, state) =>
        !isPacked(device) && state.split.availIndex > 0x7fff ? -22 : setVqState.call(device, idx, state);
    },
  ),
];
