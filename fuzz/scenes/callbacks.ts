import { between, chance, pick } from '../draw.ts';
import { about, step } from '../strategy.ts';
import { anyRequest, can, fresh, offers, type Scene, up } from './scene.ts';

const change = (by: number) =>
  step('backend', { 'change-config': { field: 'topology.opt_io_size', add: by } });
const changes = (facts: Parameters<Scene['fits']>[0]) => can(facts, 'cfg-change') && facts.type === 'blk';

/** The callback structure of a queue: copied, and one of callback and trigger called. */
export const structure: Scene = {
  name: 'callback-structure',
  fits: () => true,
  draw(view, draw) {
    const as = fresh(view, 'told');
    const reuse = chance(draw, 50);
    const expect = reuse ? { any: { min: 1 }, stale: 0 } : { any: { min: 1 }, both: false };
    return [
      up(view, draw),
      step('vq-callback', { queue: 'tx', ...(reuse ? { reuse } : { trigger: true }) }),
      step('interrupts', { mode: 'arm' }),
      anyRequest(as),
      step('quiet'),
      step('done', { as }),
      about(reuse ? 'VDPA-091' : 'VDPA-094', step('vq-callback', { expect })),
    ];
  },
};

/** A queue whose callback is taken away is served in silence. */
export const clearedCallback: Scene = {
  name: 'cleared-callback',
  fits: () => true,
  draw(view, draw) {
    const as = fresh(view, 'silent');
    return [
      up(view, draw),
      step('exchange', {}),
      step('listen', { queue: 'tx', on: false }),
      step('activity', { begin: true }),
      step('interrupts', { mode: 'arm' }),
      anyRequest(as),
      step('quiet'),
      about('VDPA-092', step('done', { as })),
      about('V1.1-4.1.5.3.1-D1', step('activity', { callbacks: 0, 'late-callbacks': 0 })),
    ];
  },
};

/** Nobody is told about a change of the configuration who did not ask, or not any more. */
export const clearedConfigCallback: Scene = {
  name: 'cleared-config-callback',
  fits: changes,
  draw(view, draw) {
    const fromBefore = chance(draw, 50);
    return [
      up(view, draw),
      ...(fromBefore
        ? [up(view, draw, { to: 'QUEUES' }), step('status', { set: 'DRIVER_OK' })]
        : [step('listen', { config: true, on: false })]),
      step('activity', { begin: true }),
      change(between(draw, 1, 9)),
      step('quiet'),
      about(fromBefore ? 'VDPA-005' : 'V1.1-4.1.5.4.1-D1', step('activity', { 'config-callbacks': 0 })),
    ];
  },
};

/** A suspended device does nothing at all, and goes on where it stopped. */
export const suspension: Scene = {
  name: 'suspension',
  fits: (facts) => facts.ops.includes('suspend') && facts.ops.includes('resume') && can(facts, 'pump'),
  draw(view, draw) {
    const count = between(draw, 1, 3);
    const [first, late] = [fresh(view, `taken${count}x`), fresh(view, 'late')];
    const held = can(view.facts, 'slow') && chance(draw, 40);
    const during = pick(draw, ['nothing', 'ready', 'config', 'kick'] as const);
    return [
      up(view, draw, { size: 16 }),
      ...(held ? [step('backend', { hold: between(draw, 1, count) })] : []),
      anyRequest(first, { count }),
      step('pump', { units: between(draw, 1, 3) }),
      step('suspend'),
      about(held ? 'VDPA-034' : 'VDPA-033', step('settled', { queue: 'tx' })),
      step('activity', { begin: true }),
      ...(during === 'ready' ? [step('queue', { queue: 'tx', ready: true })] : []),
      ...(during === 'config' && changes(view.facts) ? [change(between(draw, 1, 9))] : []),
      ...(held ? [step('backend', { release: true })] : []),
      anyRequest(late),
      step('quiet'),
      about(during === 'ready' ? 'VDPA-088' : 'VDPA-081', step('not-used', { as: late })),
      about('VDPA-082', step('activity', { stores: 0 })),
      about('VDPA-089', step('activity', { callbacks: 0, 'config-callbacks': 0 })),
      about(held ? 'VDPA-034' : 'VDPA-033', step('settled', { queue: 'tx' })),
      step('resume'),
      step('kick', { queue: 'tx' }),
      step('quiet'),
      about('VDPA-085', step('done', { as: [first, late] })),
    ];
  },
};

/** EVENT_IDX of a split queue: the flags of the available ring mean nothing. */
export const flagsBesideEvent: Scene = {
  name: 'flags-beside-event',
  fits: (facts) => offers(facts, 'EVENT_IDX'),
  draw(view, draw) {
    const as = fresh(view, 'flagged');
    return [
      up(view, draw, { features: ['EVENT_IDX'], without: ['RING_PACKED'] }),
      step('poke', { queue: 'tx', area: 'driver', at: 0, u16: 1, legal: true }),
      step('interrupts', { queue: 'tx', mode: 'arm' }),
      anyRequest(as),
      step('quiet'),
      step('done', { as }),
      about('V1.1-2.6.7.2-D4', step('callbacks', { queue: 'tx', count: { min: 1 } })),
    ];
  },
};

/** A reserved value in the driver's event area leaves no trace once it is gone. */
export const reservedEventFlags: Scene = {
  name: 'reserved-event-flags',
  breach: true,
  fits: (facts) => offers(facts, 'RING_PACKED'),
  draw(view, draw) {
    const [during, after] = [fresh(view, 'during'), fresh(view, 'after')];
    return [
      up(view, draw, { features: ['RING_PACKED'], size: 8 }),
      step('poke', { queue: 'tx', area: 'driver', at: 2, u16: pick(draw, [3, 0xfffc, 0xffff]) }),
      anyRequest(during),
      step('quiet'),
      step('done', { as: during }),
      step('poke', { queue: 'tx', area: 'driver', at: 0, u32: 0 }),
      step('callbacks', { queue: 'tx' }),
      anyRequest(after),
      step('quiet'),
      step('done', { as: after }),
      about('P1.1-012', step('callbacks', { queue: 'tx', count: { min: 1 } })),
    ];
  },
};
