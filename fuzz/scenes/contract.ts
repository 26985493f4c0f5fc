import { between, chance, pick } from '../draw.ts';
import { about, step } from '../strategy.ts';
import { anyRequest, can, fresh, offers, type Scene, up } from './scene.ts';

const everywhere = () => true;

/** What the parent tells about its queues. */
export const limits: Scene = {
  name: 'limits',
  fits: everywhere,
  draw: (view, draw) => [
    up(view, draw, { to: pick(draw, ['DRIVER', 'FEATURES_OK', 'QUEUES', 'DRIVER_OK']) }),
    about('VDPA-038', step('limits', { sizes: true })),
    about('VDPA-041', step('limits', { 'queue-size': true })),
    about('VDPA-042', step('limits', { align: true })),
    about('VDPA-075', step('limits', { groups: true })),
  ],
};

/** Queues that do not exist, and split queues of an odd size. */
export const queueSizes: Scene = {
  name: 'queue-sizes',
  fits: (facts) => facts.ops.includes('getVqSize'),
  draw(view, draw) {
    const nvqs = view.facts.values.nvqs as number;
    const none = step('queue', { queue: nvqs + draw.int(20), 'size-op': { max: 0 } });
    const queue = draw.int(Math.min(nvqs, 9));
    const to = pick(draw, ['FEATURES_OK', 'DRIVER_OK']);
    return [
      up(view, draw, { to, without: ['RING_PACKED'] }),
      about('V1.1-4.1.4.3.1-D9', none),
      about('V1.1-4.1.4.3.1-D10', step('queue', { queue, 'size-is-power-of-2': true })),
    ];
  },
};

/** A queue reads as ready or not, as it was set, and as not ready after a reset. */
export const readiness: Scene = {
  name: 'readiness',
  fits: everywhere,
  draw: (view, draw) => [
    up(view, draw, { to: pick(draw, ['QUEUES', 'DRIVER_OK']) }),
    about('VDPA-024', step('queue', { queue: 'tx', 'expect-ready': true })),
    step('queue', { queue: 'tx', ready: false }),
    about('VDPA-024', step('queue', { queue: 'tx', 'expect-ready': false })),
    step('queue', { queue: 'tx', ready: true }),
    about('VDPA-024', step('queue', { queue: 'tx', 'expect-ready': true })),
    step('reset'),
    about('VDPA-002', step('queues', { ready: false })),
  ],
};

/** A queue set up with ops left out starts from the initial state, whatever the last session did. */
export const nothingLeft: Scene = {
  name: 'nothing-left',
  fits: everywhere,
  draw(view, draw) {
    const as = fresh(view, 'anew');
    const lacks = ['VERSION_1', 'EVENT_IDX', 'RING_PACKED', 'ACCESS_PLATFORM'];
    const looks = can(view.facts, 'drvfeat') && chance(draw, 60);
    const before = looks ? [step('features', { 'driver-has': ['VERSION_1'] })] : [];
    return [
      up(view, draw),
      step('exchange', { rounds: between(draw, 1, 3) }),
      ...before,
      ...(looks ? [step('reset'), about('VDPA-003', step('features', { 'driver-lacks': lacks }))] : []),
      up(view, draw, { to: 'FEATURES_OK' }),
      about('VDPA-006', step('set-up', { queue: 'tx', size: 8, omit: ['state'] })),
      step('status', { set: 'DRIVER_OK' }),
      anyRequest(as),
      step('quiet'),
      about('VDPA-006', step('done', { as })),
    ];
  },
};

/** A queue without addresses is left alone. */
export const noAddresses: Scene = {
  name: 'no-addresses',
  breach: true,
  fits: everywhere,
  draw(view, draw) {
    const as = fresh(view, 'nowhere');
    const omit = pick(draw, [['address'], ['address', 'num']]);
    return [
      up(view, draw),
      step('exchange', { rounds: between(draw, 1, 3) }),
      up(view, draw, { to: 'FEATURES_OK' }),
      step('breach', { what: 'a queue without addresses' }),
      step('set-up', { queue: 'tx', size: 8, omit }),
      step('activity', { begin: true }),
      step('status', { set: 'DRIVER_OK' }),
      anyRequest(as),
      step('quiet'),
      about('VDPA-006', step('activity', { stores: 0, callbacks: 0 })),
      about('VDPA-006', step('not-used', { as })),
    ];
  },
};

/** Buffers that are there before DRIVER_OK are used after it, not before. */
export const earlyBuffers: Scene = {
  name: 'early-buffers',
  fits: everywhere,
  draw(view, draw) {
    const as = [fresh(view, 'early'), fresh(view, 'early')];
    return [
      up(view, draw, { to: 'QUEUES' }),
      step('activity', { begin: true }),
      ...as.map((one) => anyRequest(one, { kick: pick(draw, ['yes', 'no']) })),
      step('quiet'),
      // It may say already that it wants no kicks.
      about('V1.1-2.1.2-D2', step('activity', { callbacks: 0 })),
      about('V1.1-2.1.2-D2', step('not-used', { as })),
      step('status', { set: 'DRIVER_OK' }),
      step('kick'),
      step('quiet'),
      about('VDPA-020', step('done', { as })),
    ];
  },
};

/** A queue that is not ready is left alone until it is. */
export const notReady: Scene = {
  name: 'not-ready',
  fits: everywhere,
  draw(view, draw) {
    const as = fresh(view, 'unready');
    return [
      up(view, draw, { ready: false }),
      step('activity', { begin: true }),
      anyRequest(as),
      step('kick', { times: between(draw, 1, 3) }),
      step('quiet'),
      about('V1.1-4.2.2.1-D7', step('activity', { queue: 'tx', stores: 0 })),
      about('VDPA-022', step('not-used', { as })),
    ];
  },
};

/** The position of a queue, written before it runs and read back. */
export const positions: Scene = {
  name: 'positions',
  fits: (facts) => can(facts, 'vq-state'),
  draw(view, draw) {
    const packed = offers(view.facts, 'RING_PACKED') && chance(draw, 60);
    const state = {
      index: draw.int(packed ? 8 : 65536),
      wrap: packed ? draw.int(2) : 1,
      ...(packed ? { 'used-index': draw.int(8), 'used-wrap': draw.int(2) } : {}),
    };
    const features = packed ? ['RING_PACKED'] : [];
    return [
      up(view, draw, { to: 'QUEUES', ready: false, size: 8, features, without: ['RING_PACKED'] }),
      step('vq-state', { queue: 'tx', set: state, error: 'ok' }),
      about(packed ? 'VDPA-035' : 'VDPA-032', step('vq-state', { queue: 'tx', ...state })),
    ];
  },
};

/** Ops with the index of a queue that does not exist, or that is of no use. */
export const strayOps: Scene = {
  name: 'stray-ops',
  breach: true,
  fits: everywhere,
  draw: (view, draw) => [
    up(view, draw, { to: pick(draw, ['DRIVER', 'DRIVER_OK']) }),
    step('breach', { what: 'queue index of no use' }),
    step('stray-ops', { queue: (view.facts.values.nvqs as number) + pick(draw, [0, 1, 255, 65_000]) }),
    step('quiet'),
    step('recover'),
  ],
};

/** Features of no kind at all. */
export const noFeatures: Scene = {
  name: 'no-features',
  fits: everywhere,
  draw: () => [
    step('reset'),
    step('features', { write: { baseline: false }, error: 'any' }),
    step('recover'),
  ],
};

/** A device that fails says so for as long as nobody resets it. */
export const failure: Scene = {
  name: 'failure',
  fits: (facts) => can(facts, 'fault'),
  draw: (view, draw) => [
    up(view, draw),
    step('backend', { fail: true }),
    ...Array.from({ length: between(draw, 2, 4) }, () =>
      about('VDPA-019', step('status', { has: 'NEEDS_RESET' })),
    ),
    step('recover'),
  ],
};

/** Requests that take long, with others behind them. */
export const slowRequests: Scene = {
  name: 'slow-requests',
  fits: (facts) => can(facts, 'slow', 'pump') && offers(facts, 'IN_ORDER'),
  draw(view, draw) {
    const slow = fresh(view, 'slow');
    const later = fresh(view, 'behind');
    const bad = { parts: [{ r: '0f00008000000000 0000000000000000' }, { w: 1 }] };
    const fails = view.facts.type === 'blk' && chance(draw, 50);
    const behind = fails ? step('submit', { as: later, ...bad }) : step('request', { dir: 'any', as: later });
    return [
      up(view, draw, { features: ['IN_ORDER'], size: 16 }),
      step('backend', { hold: 1 }),
      step('request', { dir: 'any', as: slow }),
      behind,
      step('quiet'),
      about('V1.1-6.2-D5', step('not-used', { as: later })),
      step('backend', { release: true }),
      step('quiet'),
      about('V1.1-6.2-D5', step('collect', { count: 2, order: [slow, later] })),
    ];
  },
};

/** A device in software is no PCI function. */
export const softwareOnly: Scene = {
  name: 'software-only',
  fits: (facts) => can(facts, 'not-pci'),
  draw: () => [step('reset'), about('V1.1-6.2-D9b', step('features', { 'offered-lacks': ['SR_IOV'] }))],
};

/** The control queue has the size that was set, and another one after the next reset. */
export const controlQueueSize: Scene = {
  name: 'control-queue-size',
  fits: (facts) => facts.type === 'net' && offers(facts, 'net.CTRL_VQ'),
  draw(view, draw) {
    const commands = (size: number) => [
      up(view, draw, { features: ['net.CTRL_VQ'], without: ['RING_PACKED'], size }),
      ...Array.from({ length: size + 1 }, () =>
        about('VDPA-040', step('net-ctrl', { class: 127, ack: 'any' })),
      ),
    ];
    return [...commands(pick(draw, [2, 4, 8, 16])), ...(chance(draw, 50) ? commands(4) : [])];
  },
};
