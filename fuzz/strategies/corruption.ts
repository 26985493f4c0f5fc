import { between, chance, type Draw, pick } from '../draw.ts';
import { type DrawnStep, type Strategy, step } from '../strategy.ts';
import type { View } from '../view.ts';

const QUEUES = ['tx', 'rx'] as const;

/** Addresses no driver should write: zero, ends of the 64-bit space, near misses of mapped memory. */
const WILD = [
  '0x0',
  '0x1',
  '0xfff',
  '0xffffffff',
  '0x100000000',
  '0x7fffffffffffffff',
  '0xfffffffffffffff8',
  '0xffffffffffffffff',
];
const LENGTHS = [
  0, 1, 8, 15, 16, 17, 512, 4096, 0x10000, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffff0, 0xffffffff,
];

const live = (view: View) => view.phase === 'running' && view.requests.length > 0;

/** Somewhere in or beside a request's memory, or nowhere. */
const address = (view: View, draw: Draw): unknown =>
  view.requests.length > 0 && chance(draw, 65)
    ? { of: pick(draw, view.requests), part: draw.int(2), plus: pick(draw, [0, 0, 1, 8, 511, 4096]) }
    : pick(draw, WILD);

/** Fields of a descriptor, wrong in one place or in several. */
function descriptor(view: View, draw: Draw): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  const change = (key: string, value: unknown) => {
    fields[key] = value;
  };
  const all = [
    () => change('addr', address(view, draw)),
    () => change('len', pick(draw, LENGTHS)),
    () =>
      change(
        'flags',
        view.packed
          ? pick(draw, [0, 1, 2, 3, 4, 5, 6, 7, 0x80, 0x82, 0x8000, 0x8080, 0x8083, 0xffff])
          : pick(draw, [0, 1, 2, 3, 4, 5, 6, 7, 0xfff8, 0xffff]),
      ),
    () => change(view.packed ? 'id' : 'next', pick(draw, [0, 1, 2, view.num - 1, view.num, 0xffff])),
  ];
  if (chance(draw, 60)) pick(draw, all)();
  else for (const one of all) if (chance(draw, 60)) one();
  return fields;
}

/** What follows a breach: the device works on it, or not yet. */
const after = (draw: Draw, queue: string): DrawnStep[] =>
  chance(draw, 75) ? [step('kick', { queue }), step('settle')] : chance(draw, 50) ? [step('settle')] : [];

/** Change descriptors in the table or in an indirect table. */
export const corruptDescriptor: Strategy = {
  name: 'corrupt-descriptor',
  focus: 'rings',
  breach: true,
  weight: (view) => (live(view) ? 5 : 0),
  draw(view, draw) {
    view.breached = true;
    const queue = pick(draw, QUEUES);
    const count = chance(draw, 70) ? 1 : between(draw, 2, 4);
    const steps = Array.from({ length: count }, () => {
      const table = view.tables && chance(draw, 40) ? { table: 'table' } : {};
      return step('desc', {
        queue,
        ...table,
        slot: draw.int(table.table ? 3 : view.num),
        ...descriptor(view, draw),
      });
    });
    return [...steps, ...after(draw, queue)];
  },
};

/** A request whose descriptors are changed after it became available and before the device works on it. */
export const changeInFlight: Strategy = {
  name: 'change-in-flight',
  focus: 'rings',
  breach: true,
  weight: (view) =>
    view.phase === 'running' && !view.suspended && (view.load[view.facts.type === 'net' ? 1 : 0] ?? 0) === 0
      ? 4
      : 0,
  draw(view, draw) {
    view.breached = true;
    const name = `r${view.serial++}`;
    view.requests.push(name);
    const size = view.facts.type === 'blk' ? 512 : 60;
    return [
      step('request', { dir: 'out', size, seed: view.serial, as: name, kick: 'yes' }),
      step('desc', { queue: 'tx', slot: draw.int(Math.min(3, view.num)), ...descriptor(view, draw) }),
      step('settle'),
    ];
  },
};

/** Split: avail ring entries and index by hand. Packed: whole slots. */
export const corruptRing: Strategy = {
  name: 'corrupt-ring',
  focus: 'rings',
  breach: true,
  weight: (view) => (live(view) ? 4 : 0),
  draw(view, draw) {
    view.breached = true;
    const queue = pick(draw, QUEUES);
    if (view.packed) {
      const slot = draw.int(view.num);
      return [
        step('desc', {
          queue,
          slot,
          ...descriptor(view, draw),
          flags: pick(draw, [0x80, 0x81, 0x82, 0x83, 0x84, 0x8000, 0x8001, 0x8002]),
        }),
        ...after(draw, queue),
      ];
    }
    const heads = Array.from({ length: between(draw, 0, 4) }, () =>
      pick(draw, [0, 0, 1, view.num - 1, view.num, 0xffff]),
    );
    const jump = chance(draw, 40)
      ? { move: pick(draw, [1, view.num, view.num + 1, 0x8000, -1, -view.num]) }
      : {};
    return [step('avail', { queue, heads, ...jump }), ...after(draw, queue)];
  },
};

/** Bytes over a ring area: half-updated structures, event fields, garbage. */
export const scribble: Strategy = {
  name: 'scribble',
  focus: 'rings',
  breach: true,
  weight: (view) => (view.phase === 'running' ? 3 : 0),
  draw(view, draw) {
    view.breached = true;
    const queue = pick(draw, QUEUES);
    const area = pick(draw, ['driver', 'desc'] as const);
    const size = area === 'desc' ? 16 * view.num : view.packed ? 4 : 6 + 2 * view.num;
    const value = pick(draw, [0, 1, 2, 3, 0x7fff, 0x8000, 0xfffe, 0xffff, draw.int(0x10000)]);
    return [
      step('poke', { queue, area, at: 2 * draw.int(Math.max(1, size >> 1)), u16: value }),
      ...after(draw, queue),
    ];
  },
};

/** A buffer of a shape that no device type knows: order, sizes, direction. */
export const oddBuffer: Strategy = {
  name: 'odd-buffer',
  focus: 'rings',
  breach: true,
  weight: (view) =>
    view.phase === 'running' &&
    !view.suspended &&
    (view.load[view.facts.type === 'net' ? 1 : 0] ?? 0) === 0 &&
    view.num >= 4
      ? 5
      : 0,
  draw(view, draw) {
    view.breached = true;
    const parts = Array.from({ length: between(draw, 1, 3) }, () => {
      const size = pick(draw, [1, 2, 11, 12, 15, 16, 17, 512, 513]);
      return chance(draw, 50) ? { r: { pattern: draw.int(1000), size } } : { w: size };
    });
    const name = `odd${view.serial++}`;
    const indirect = view.indirect && chance(draw, 30) ? { indirect: true } : {};
    return [
      step('submit', { queue: pick(draw, QUEUES), as: name, parts, breach: true, kick: 'yes', ...indirect }),
      step('settle'),
    ];
  },
};

/** Queue parameters changed under a running device, or kicks for queues that are not there. */
export const misconfigure: Strategy = {
  name: 'misconfigure',
  focus: 'lifecycle',
  breach: true,
  weight: (view) => (view.phase === 'running' || view.phase === 'queues' ? 2 : 0),
  draw(view, draw) {
    view.breached = true;
    const queue = pick(draw, QUEUES);
    const what = step('breach', { what: 'queue parameters of a live queue' });
    const choices: DrawnStep[] = [
      step('queue', { queue, num: pick(draw, [0, 1, 2, 3, 256, 0x8000, 0xffff]) }),
      step('queue', { queue, offset: { desc: pick(draw, [1, 8, 16, 4096]) }, error: 'any' }),
      step('queue', { queue, offset: { device: pick(draw, [1, 2, 4, 4096]) }, error: 'any' }),
      step('kick', { queue: pick(draw, [9, 64, 0xffff]), times: between(draw, 1, 3) }),
      step('vq-state', { queue, set: { index: draw.int(65536), wrap: draw.int(2) }, error: 'any' }),
      step('queues', { 'set-up': { size: pick(draw, [2, 8]) } }),
    ];
    return [what, pick(draw, choices), ...after(draw, queue)];
  },
};

/** Memory that is not mapped, or not for this kind of access. */
export const unmapped: Strategy = {
  name: 'unmapped',
  focus: 'rings',
  breach: true,
  weight: (view) =>
    view.phase === 'running' &&
    !view.suspended &&
    view.num >= 4 &&
    (view.load[view.facts.type === 'net' ? 1 : 0] ?? 0) === 0
      ? 3
      : 0,
  draw(view, draw) {
    view.breached = true;
    const page = `page${view.serial++}`;
    const perm = pick(draw, ['none', 'ro', 'wo']);
    const blk = view.facts.type === 'blk';
    const parts = blk
      ? [{ r: ['0000000000000000', '0000000000000000'] }, { w: 512, in: page }, { w: 1 }]
      : [{ r: { fill: 0, size: 12 } }, { r: { pattern: 1, size: 100 }, in: page }];
    return [
      step('memory', { as: page, size: 4096, perm }),
      step('submit', { queue: 'tx', as: `u${view.serial}`, parts, breach: true, kick: 'yes' }),
      step('settle'),
    ];
  },
};
