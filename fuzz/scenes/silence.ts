import { between, chance, type Draw, pick } from '../draw.ts';
import { about, type DrawnStep, softly, step } from '../strategy.ts';
import type { View } from '../view.ts';
import { can, direction, fresh, offers, queueFor, type Scene, up } from './scene.ts';

type Queue = { dir: 'in' | 'out'; queue: 'rx' | 'tx' };

/** One request after another under changing wishes: what is asked for comes, and nothing else. */
export const changingWishes: Scene = {
  name: 'changing-wishes',
  weight: 2,
  fits: () => true,
  draw(view, draw) {
    const dir = direction(view, draw);
    const on: Queue = { dir, queue: queueFor(dir) };
    const packed = offers(view.facts, 'RING_PACKED') && chance(draw, 50);
    const events = offers(view.facts, 'EVENT_IDX') && chance(draw, 50);
    const features = [...(packed ? ['RING_PACKED'] : []), ...(events ? ['EVENT_IDX'] : [])];
    const without = ['RING_PACKED', 'EVENT_IDX'].filter((name) => !features.includes(name));
    const index = can(view.facts, 'vq-state') && chance(draw, 60) ? 65536 - between(draw, 0, 6) : 0;
    const start = !packed && index > 0 ? { start: { index } } : {};
    const rounds = between(draw, 2, 5);
    const steps: DrawnStep[] = [];
    for (let i = 0, at = start.start?.index ?? 0; i < rounds; i++) {
      const count = between(draw, 1, 3);
      steps.push(
        ...(events && !packed
          ? eventRound(view, draw, on, at, count)
          : flagRound(view, draw, on, packed, count)),
      );
      at = (at + count) & 0xffff;
    }
    return [up(view, draw, { features, without, size: 16, ...start }), ...steps];
  },
};

function round(
  view: View,
  { dir, queue }: Queue,
  count: number,
  wish: DrawnStep,
  came: DrawnStep,
): DrawnStep[] {
  const as = fresh(view, 'wish');
  return [
    wish,
    step('callbacks', { queue }),
    step('request', { dir, as, count }),
    step('quiet'),
    step('done', { as }),
    came,
  ];
}

/** Flags: enabled, or not. */
function flagRound(view: View, draw: Draw, on: Queue, packed: boolean, count: number): DrawnStep[] {
  const { queue } = on;
  const wanted = chance(draw, 50);
  const wish = step('interrupts', { queue, mode: wanted ? 'enable' : 'disable' });
  const came = wanted
    ? about(packed ? 'P1.1-012' : 'V1.1-2.6.7.2-D3', step('callbacks', { queue, count: { min: 1 } }))
    : softly(packed ? 'P1.1-012' : 'V1.1-2.6.7.2-D2', step('callbacks', { queue, count: 0 }));
  return round(view, on, count, wish, came);
}

/** used_event: at an index that is passed now, or at another one. */
function eventRound(view: View, draw: Draw, on: Queue, at: number, count: number): DrawnStep[] {
  const { queue } = on;
  const passed = chance(draw, 50);
  const ahead = passed ? draw.int(count) : count + pick(draw, [0, 1, 100, 0x7fff, 0xffff - count]);
  const wish = step('interrupts', { queue, mode: 'event', at: (at + ahead) & 0xffff });
  const came = passed
    ? about('V1.1-2.6.7.2-D5', step('callbacks', { queue, count: { min: 1 } }))
    : softly('V1.1-2.6.7.2-D6', step('callbacks', { queue, count: 0 }));
  return round(view, on, count, wish, came);
}

/** What was used is announced while there is more to do. */
export const announcedUnderWay: Scene = {
  name: 'announced-under-way',
  fits: (facts) => can(facts, 'pump', 'track'),
  draw(view, draw) {
    const dir = direction(view, draw);
    const queue = queueFor(dir);
    const as = fresh(view, 'half');
    const units = between(draw, 2, 6);
    return [
      up(view, draw, { without: ['EVENT_IDX'], size: 16 }),
      step('request', { dir, as, count: between(draw, 2, 5), kick: 'yes' }),
      ...Array.from({ length: units }, () => [
        step('pump', { units: 1 }),
        about('V1.1-2.6.7.2-D3', step('notified', { queue })),
      ]).flat(),
      step('quiet'),
      step('done', { as }),
    ];
  },
};
