import { between, chance, type Draw, pick, weighted } from '../draw.ts';
import { type DrawnStep, type Strategy, step, together } from '../strategy.ts';
import { forgetSession, settled, type View } from '../view.ts';

const KICKS = [
  [70, 'obey'],
  [20, 'yes'],
  [10, 'no'],
] as const;

const IN = 'in';
const OUT = 'out';

const queueOf = (view: View, dir: 'in' | 'out') =>
  view.facts.type === 'net' && dir === IN ? 0 : view.facts.type === 'net' ? 1 : 0;

/** Sizes that cut a stretch of bytes in interesting places. */
function cuts(draw: Draw, total: number, most: number): number[] {
  const n = draw.int(most);
  return Array.from({ length: n }, () =>
    pick(draw, [1, 2, 4, 8, 11, 12, 15, 16, 17, Math.max(1, total >> 1), Math.max(1, total - 1)]),
  );
}

function payload(view: View, dir: 'in' | 'out', draw: Draw): number {
  if (view.facts.type === 'net') return dir === IN ? view.rxSize : between(draw, 46, 180);
  return (
    512 *
    weighted(draw, [
      [85, 1],
      [10, 2],
      [5, 3],
    ] as const)
  );
}

/** Framing of a request: how many elements, direct or through a table. Returns the ring slots it takes. */
function framing(
  view: View,
  draw: Draw,
  dir: 'in' | 'out',
  size: number,
): { args: Record<string, unknown>; slots: number } {
  const room = Math.max(1, view.num - (view.load[queueOf(view, dir)] ?? 0));
  const indirect = view.indirect && chance(draw, 40);
  const most = indirect ? Math.min(4, view.num - 1) : Math.max(1, Math.min(3, room - 2));
  const blk = view.facts.type === 'blk';
  const readable = blk ? (dir === OUT ? 16 + size : 16) : dir === OUT ? 12 + size + 14 : 0;
  const writable = blk ? (dir === OUT ? 1 : size + 1) : dir === IN ? 12 + size + 14 : 0;
  const simple = chance(draw, 40) || view.num < 4;
  const r = simple || readable === 0 ? [] : cuts(draw, readable, most);
  const w = simple || writable === 0 ? [] : cuts(draw, writable, Math.max(1, most - r.length));
  const parts = (readable > 0 ? r.length + 1 : 0) + (writable > 0 ? w.length + 1 : 0);
  const cut = { ...(r.length > 0 ? { r } : {}), ...(w.length > 0 ? { w } : {}) };
  const split = !view.packed && indirect && parts > 1 && chance(draw, 20);
  const slots = indirect ? (split ? 2 : 1) : parts;
  const args: Record<string, unknown> = {};
  if (r.length + w.length > 0) args.cut = cut;
  if (indirect) {
    args.indirect = split ? { direct: 1 } : true;
    if (chance(draw, 15)) args['table-write-flag'] = true;
  }
  if (view.packed) {
    if (chance(draw, 10)) args.id = 0x8000 + view.serial;
    if (!indirect && parts > 1 && chance(draw, 15)) args['other-ids'] = draw.int(65536);
  } else if (!view.inOrder && (view.load[queueOf(view, dir)] ?? 0) === 0 && chance(draw, 15)) {
    args.slots = scattered(draw, slots, view.num);
  }
  return { args, slots };
}

/** `count` different slots of a table of `num`, in any order. */
function scattered(draw: Draw, count: number, num: number): number[] {
  const left = Array.from({ length: num }, (_, slot) => slot);
  return Array.from({ length: Math.min(count, num) }, () => left.splice(draw.int(left.length), 1)[0]);
}

/** A valid request through a table at an odd place. */
export const oddTable: Strategy = {
  name: 'odd-table',
  focus: 'rings',
  weight: (view) => (view.phase === 'running' && !view.suspended && !view.breached && view.indirect ? 3 : 0),
  draw(view, draw) {
    const table = `t${view.serial++}`;
    const as = `r${view.serial++}`;
    view.requests.push(as);
    settled(view);
    return together(
      step('settle'),
      step('memory', { as: `${table}x`, size: between(draw, 1, 15), align: 16 }),
      step('memory', { as: table, size: 48, align: pick(draw, [1, 2, 8]) }),
      step('request', { dir: 'any', as, list: 3, indirect: { in: table } }),
      step('settle'),
    );
  },
};

/** One or several valid requests, in one piece or prepared first and published later. */
export const request: Strategy = {
  name: 'request',
  focus: 'rings',
  weight: (view) =>
    view.phase === 'running' && !view.suspended ? (view.breached ? 8 : 60) : view.phase === 'queues' ? 6 : 0,
  draw(view, draw) {
    const dir = view.facts.type === 'net' && !view.facts.peer?.send ? OUT : pick(draw, [IN, OUT] as const);
    const queue = queueOf(view, dir);
    const size = payload(view, dir, draw);
    const { args, slots } = framing(view, draw, dir, size);
    const used = view.load[queue] ?? 0;
    if (used + slots > view.num) {
      settled(view);
      if ((view.load[queue] ?? 0) + slots > view.num) return [step('settle')];
      return [step('settle'), step('request', finish(view, draw, dir, size, args, slots, queue))];
    }
    return [step('request', finish(view, draw, dir, size, args, slots, queue))];
  },
};

function finish(
  view: View,
  draw: Draw,
  dir: 'in' | 'out',
  size: number,
  args: Record<string, unknown>,
  slots: number,
  queue: number,
) {
  view.load[queue] = (view.load[queue] ?? 0) + slots;
  const name = `r${view.serial++}`;
  view.requests.push(name);
  if (args.indirect) view.tables = true;
  const back = dir === IN && view.facts.type === 'blk' && view.written.length > 0 && chance(draw, 60);
  const seed = back ? pick(draw, view.written) : view.serial;
  if (dir === OUT) view.written.push(seed);
  const later = view.phase !== 'running' || chance(draw, 15);
  const kick = weighted(draw, KICKS);
  if (later || kick === 'no') view.stuck[queue] = (view.stuck[queue] ?? 0) + slots;
  return {
    dir,
    size,
    seed,
    as: name,
    ...(later ? { publish: false } : { kick }),
    ...args,
  };
}

/** Fill a queue to the last slot with small requests, all published at once. */
export const burst: Strategy = {
  name: 'burst',
  focus: 'rings',
  weight: (view) =>
    view.phase === 'running' && !view.suspended && (view.load[view.facts.type === 'net' ? 1 : 0] ?? 0) === 0
      ? 6
      : 0,
  draw(view, draw) {
    const each = view.facts.type === 'blk' ? 2 : 1;
    const indirect = view.indirect && chance(draw, 60);
    const most = Math.floor(view.num / (indirect ? 1 : each));
    const count = Math.max(1, most <= 16 ? most - draw.int(2) : between(draw, 8, 16));
    if (view.num < each) return [step('settle')];
    const from = view.serial;
    view.serial += count;
    for (let i = 0; i < count; i++) view.written.push(from + i);
    const size = view.facts.type === 'blk' ? 512 : 60;
    const name = `burst${from}`;
    return [
      step('request', {
        dir: OUT,
        size,
        seed: from,
        as: name,
        count,
        ...(indirect ? { indirect: true } : {}),
        kick: chance(draw, 70) ? 'obey' : 'yes',
      }),
      ...(chance(draw, 30) ? [step('pump', { units: between(draw, 1, count) })] : []),
      step('settle'),
    ];
  },
};

export const publish: Strategy = {
  name: 'publish',
  focus: 'rings',
  weight: (view) => (view.phase === 'running' ? 8 : 0),
  draw(view, draw) {
    const dir = pick(draw, [IN, OUT] as const);
    const kick = weighted(draw, KICKS);
    if (kick !== 'no' && !view.suspended) view.stuck[queueOf(view, dir)] = 0;
    return [step('publish', { queue: dir === IN ? 'rx' : 'tx', kick })];
  },
};

export const kick: Strategy = {
  name: 'kick',
  focus: 'rings',
  weight: (view) => (view.phase === 'running' ? 6 : 1),
  draw: (_, draw) => [
    step('kick', {
      queue: pick(draw, ['tx', 'rx']),
      ...(chance(draw, 20) ? { times: between(draw, 2, 20) } : {}),
    }),
  ],
};

export const pump: Strategy = {
  name: 'pump',
  focus: 'rings',
  weight: (view) => (view.phase === 'running' ? 8 : 1),
  draw: (_, draw) => [step('pump', { units: between(draw, 1, 4) })],
};

export const settle: Strategy = {
  name: 'settle',
  focus: 'rings',
  weight: (view) => (view.phase === 'running' ? 25 : 1),
  draw(view) {
    settled(view);
    return [step('settle')];
  },
};

/** Which notifications the driver wants. */
export const interrupts: Strategy = {
  name: 'interrupts',
  focus: 'rings',
  weight: (view) => (view.phase === 'running' && !view.breached ? 12 : 0),
  draw(view, draw) {
    const queue = pick(draw, ['tx', 'rx']);
    const mode = pick(
      draw,
      view.eventIdx ? ['arm', 'arm', 'disable', 'enable', 'event'] : ['enable', 'disable', 'enable'],
    );
    if (mode !== 'event') return [step('interrupts', { queue, mode })];
    const at = view.packed ? draw.int(view.num) : draw.int(40);
    return [step('interrupts', { queue, mode, at, ...(view.packed ? { wrap: draw.int(2) } : {}) })];
  },
};

/** Let something happen between reset requests and work: in-flight requests at a reset. */
export const resetInFlight: Strategy = {
  name: 'reset-in-flight',
  focus: 'lifecycle',
  weight: (view) => (view.phase === 'running' && view.requests.length > 0 && !view.suspended ? 3 : 0),
  draw(view, draw) {
    const steps: DrawnStep[] = chance(draw, 50) ? [step('pump', { units: 1 })] : [];
    forgetSession(view);
    return [...steps, step('reset'), step('quiet')];
  },
};
