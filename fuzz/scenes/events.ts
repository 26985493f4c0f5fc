import { between, chance, type Draw, pick } from '../draw.ts';
import { about, type DrawnStep, softly, step } from '../strategy.ts';
import type { View } from '../view.ts';
import { fresh, offers, type Scene, up } from './scene.ts';

const packedEvents = (facts: Parameters<Scene['fits']>[0]) =>
  offers(facts, 'RING_PACKED', 'EVENT_IDX', 'INDIRECT_DESC');

/** Requests one after the other, each in one slot, so that positions can be counted. */
function single(view: View, count: number): DrawnStep[] {
  return Array.from({ length: count }, () => {
    const as = fresh(view, 'one');
    return [step('request', { dir: 'out', as, indirect: true }), step('quiet'), step('done', { as })];
  }).flat();
}

/** Requests that take more than one slot. */
function several(view: View, draw: Draw, count: number): DrawnStep[] {
  return Array.from({ length: count }, () => {
    const as = fresh(view, 'pre');
    const list = between(draw, 2, 3);
    return [step('request', { dir: 'any', as, list }), step('quiet'), step('done', { as })];
  }).flat();
}

/** A position of a packed ring in this lap or the next: silence before it, a notification there. */
export const eventPosition: Scene = {
  name: 'event-position',
  fits: (facts) => packedEvents(facts) && !(facts.type === 'blk' && offers(facts, 'blk.RO')),
  draw(view, draw) {
    const size = pick(draw, [3, 4, 5, 8]);
    const before = draw.int(size + 2);
    // So many slots are used before the one that is named.
    const silent = pick(draw, [0, 1, size - 1, draw.int(2 * size)]);
    const at = before + silent;
    const features = ['RING_PACKED', 'EVENT_IDX', 'INDIRECT_DESC'];
    return [
      step('bring-up', { features, size }),
      ...single(view, before),
      step('interrupts', {
        queue: 'tx',
        mode: 'event',
        at: at % size,
        wrap: 1 - (Math.floor(at / size) & 1),
      }),
      step('callbacks', { queue: 'tx' }),
      ...single(view, silent),
      softly('P1.1-013', step('callbacks', { queue: 'tx', count: 0 })),
      ...single(view, 1),
      about('P1.1-013', step('callbacks', { queue: 'tx', count: { min: 1 } })),
    ];
  },
};

/** The position named lies within a batch, which a device may publish at once. */
export const eventInBatch: Scene = {
  name: 'event-in-batch',
  fits: eventPosition.fits,
  draw(view, draw) {
    const size = pick(draw, [8, 16]);
    const count = between(draw, 2, size);
    const features = ['RING_PACKED', 'EVENT_IDX', 'INDIRECT_DESC'];
    const as = fresh(view, 'batch');
    return [
      step('bring-up', { features, size }),
      step('interrupts', { queue: 'tx', mode: 'event', at: draw.int(count), wrap: 1 }),
      step('callbacks', { queue: 'tx' }),
      step('request', { dir: 'out', as, count, indirect: true, kick: 'yes' }),
      step('quiet'),
      step('done', { as }),
      about('P1.1-013', step('callbacks', { queue: 'tx', count: { min: 1 } })),
    ];
  },
};

/** Laps in silence, then a notification is wanted again. */
export const silentLaps: Scene = {
  name: 'silent-laps',
  weight: 2,
  fits: () => true,
  draw(view, draw) {
    const as = fresh(view, 'awaited');
    const packed = offers(view.facts, 'RING_PACKED') && chance(draw, 60);
    const events = offers(view.facts, 'EVENT_IDX') && chance(draw, 70);
    const features = [...(packed ? ['RING_PACKED'] : []), ...(events ? ['EVENT_IDX'] : [])];
    const without = ['RING_PACKED', 'EVENT_IDX'].filter((name) => !features.includes(name));
    const rule = packed ? (events ? 'P1.1-013' : 'P1.1-012') : `V1.1-2.6.7.2-D${events ? 5 : 3}`;
    return [
      up(view, draw, { features, without, size: packed ? pick(draw, [4, 5, 8]) : pick(draw, [4, 8]) }),
      step('interrupts', { queue: 'tx', mode: 'disable' }),
      ...several(view, draw, between(draw, 1, 9)),
      step('interrupts', { queue: 'tx', mode: 'arm' }),
      step('callbacks', { queue: 'tx' }),
      step('request', { dir: 'any', as, list: between(draw, 2, 3) }),
      step('quiet'),
      step('done', { as }),
      about(rule, step('callbacks', { queue: 'tx', count: { min: 1 } })),
    ];
  },
};
