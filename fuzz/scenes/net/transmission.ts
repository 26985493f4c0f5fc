import { between, chance, type Draw, pick } from '../../draw.ts';
import { about, type DrawnStep, softly, step, together } from '../../strategy.ts';
import type { View } from '../../view.ts';
import { fresh, offers, type Scene, up } from '../scene.ts';
import { choose, only, SHARES, TX, takes } from './features.ts';
import { AFRESH, sent } from './packets-out.ts';

const indirect = (view: View, draw: Draw) => offers(view.facts, 'INDIRECT_DESC') && chance(draw, 20);

/** Descriptors of a buffer of `total` bytes. */
function layout(draw: Draw, total: number): unknown {
  if (chance(draw, 50)) return pick(draw, ['L1', 'L2', 'L3', 'L4', 'L5']);
  return Array.from({ length: between(draw, 1, 3) }, () =>
    pick(draw, [1, 5, 12, 14, 30, 46, 63, 66, total >> 1]),
  ).filter((size) => size > 0);
}

/** Offloads that the far side may take over, as the driver's features go. */
function accepted(view: View, draw: Draw): string[] {
  if (view.facts.peer?.takeMeta === undefined || view.facts.peer.takeMeta === 'none' || chance(draw, 60))
    return [];
  const segments = view.facts.peer.takeMeta === 'gso' ? ['tso4', 'tso6', 'ecn', 'ufo'] : [];
  return ['csum', ...segments.filter(() => chance(draw, 60))];
}

/** Packets of all kinds leave as they should. */
export const transmission: Scene = {
  name: 'transmission',
  weight: 4,
  fits: takes,
  draw(view, draw) {
    const features = choose(view, draw, TX, pick(draw, SHARES));
    const steps = Array.from({ length: between(draw, 1, 4) }, () => {
      const { hdr, frame, arrives, droppable, rule } = sent(view, draw, features);
      const expect = droppable ? { frames: arrives, missing: true } : arrives;
      const lay = indirect(view, draw) ? { indirect: true } : {};
      const tx = step('net-tx', { hdr, frame, lay: layout(draw, 100), ...lay });
      return together(about(rule, tx), about(rule, step('peer', { expect })));
    });
    const ring = indirect(view, draw) ? ['INDIRECT_DESC'] : [];
    const { without } = only(TX, features);
    const packets = ring.length > 0 ? steps : steps.map((pair) => pair.map(direct));
    return [
      step('peer', { accept: accepted(view, draw) }),
      up(view, draw, { features: [...features, ...ring], without, size: 64 }),
      AFRESH,
      ...packets.flat(),
    ];
  },
};

/** The same without an indirect table. */
function direct(drawn: DrawnStep): DrawnStep {
  const { indirect: _, ...args } = drawn.args;
  return { ...drawn, args };
}

/** Many packets at once leave once each, in order, and their buffers are free when they come back. */
export const burstOut: Scene = {
  name: 'burst-out',
  fits: takes,
  draw(view, draw) {
    const most = Math.min(64, view.facts.values.num_max as number);
    const count = chance(draw, 40) ? most : between(draw, 1, 20);
    const overwrite = chance(draw, 50) ? { overwrite: true } : {};
    const frame = { t4: pick(draw, [8, 100, 1000]), marker: 1, count };
    return [
      step('peer', { accept: [] }),
      up(view, draw, { features: choose(view, draw, ['net.MRG_RXBUF', 'IN_ORDER'], 30), size: 64 }),
      AFRESH,
      step('net-tx', { frame, ...overwrite }),
      softly('P1.1-027j', step('peer', { has: frame })),
      about('P1.1-027k', step('peer', { expect: frame })),
    ];
  },
};

/** A far side that takes no frames for a while: what was used is sent as it was. */
export const stalled: Scene = {
  name: 'stalled',
  fits: (facts) => takes(facts) && facts.peer?.stall === true,
  draw(view, draw) {
    const as = fresh(view, 'late');
    const count = between(draw, 1, 8);
    const frame = { t4: pick(draw, [100, 1000]), marker: 101, count };
    return [
      step('peer', { accept: [] }),
      up(view, draw, { size: 64 }),
      AFRESH,
      step('peer', { stall: true }),
      step('net-tx', { frame, as, overwrite: true, done: false }),
      step('peer', { stall: false }),
      about('P1.1-027k', step('peer', { expect: frame })),
      step('done', { as, len: 'any' }),
    ];
  },
};

/** A number of buffers on a packet that is sent: the field is not used, yet a driver leaves it 0. */
export const countOnTransmission: Scene = {
  name: 'count-on-transmission',
  breach: true,
  fits: takes,
  draw(view, draw) {
    const frame = { t4: 100, marker: 2, count: between(draw, 2, 4) };
    return [
      step('peer', { accept: [] }),
      up(view, draw, { features: choose(view, draw, ['net.MRG_RXBUF'], 50), size: 16 }),
      AFRESH,
      step('breach', { what: 'num_buffers set on transmission' }),
      step('net-tx', { hdr: { num_buffers: pick(draw, [1, 2, 7, 0xffff]) }, frame }),
      softly('P1.1-027i', step('peer', { has: frame })),
      about('P1.1-027i', step('peer', { expect: { frames: frame, missing: true } })),
      step('recover'),
    ];
  },
};
