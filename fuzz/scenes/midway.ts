import { between, chance, pick } from '../draw.ts';
import { about, softly, step } from '../strategy.ts';
import { anyRequest, can, fresh, offers, type Scene, up } from './scene.ts';

const everywhere = () => true;
/** Requests that are all in the same direction need a device that can do it. */
const pumped = (facts: Parameters<Scene['fits']>[0]) => can(facts, 'pump');

/** A queue that is disabled under way has stopped when the op returns. */
export const stopsAtOnce: Scene = {
  name: 'stops-at-once',
  fits: pumped,
  draw(view, draw) {
    const as = fresh(view, 'cut-off');
    const held = can(view.facts, 'slow') && chance(draw, 30) ? between(draw, 1, 2) : 0;
    const kept = fresh(view, 'stopped');
    return [
      up(view, draw, { size: 16 }),
      step('exchange', {}),
      ...(held > 0 ? [step('backend', { hold: held })] : []),
      anyRequest(as, { count: between(draw, 1, 4) }),
      ...(chance(draw, 70) ? [step('pump', { units: between(draw, 1, 2) })] : []),
      step('queue', { queue: 'tx', ready: false }),
      step('activity', { begin: true }),
      step('kick', { queue: 'tx' }),
      ...(held > 0 ? [step('backend', { release: true })] : []),
      step('quiet'),
      about('VDPA-025', step('activity', { queue: 'tx', stores: 0, callbacks: 0 })),
      step('vq-state', { queue: 'tx', save: kept }),
      about('VDPA-025', step('vq-state', { queue: 'tx', same: kept })),
      about('VDPA-025', step('settled', { queue: 'tx' })),
    ];
  },
};

/** A queue that was disabled goes on where it stopped. */
export const goesOn: Scene = {
  name: 'goes-on',
  fits: pumped,
  draw(view, draw) {
    const as = fresh(view, 'toggled');
    return [
      up(view, draw, { size: 16 }),
      step('exchange', { rounds: between(draw, 1, 2) }),
      anyRequest(as, { count: between(draw, 1, 3) }),
      ...(chance(draw, 70) ? [step('pump', { units: between(draw, 1, 3) })] : []),
      step('queue', { queue: 'tx', ready: false }),
      step('queue', { queue: 'tx', ready: true }),
      step('kick', { queue: 'tx' }),
      step('quiet'),
      about('VDPA-026', step('done', { as })),
      about('VDPA-026', step('exchange', {})),
      step('collect', { queue: 'tx', count: 0 }),
    ];
  },
};

/** Parameters that change under a running queue count from its next start on. */
export const parametersUnderWay: Scene = {
  name: 'parameters-under-way',
  breach: true,
  fits: everywhere,
  draw(view, draw) {
    const far = 65536;
    const [rule, change] = pick(draw, [
      ['VDPA-023', step('queue', { queue: 'tx', num: pick(draw, [2, 4]) })],
      [
        'VDPA-023',
        step('queue', { queue: 'tx', offset: { desc: far, driver: far, device: far }, error: 'any' }),
      ],
      [
        'VDPA-031',
        step('vq-state', { queue: 'tx', set: { index: draw.int(8), wrap: draw.int(2) }, error: 'any' }),
      ],
    ] as const);
    return [
      up(view, draw, { size: pick(draw, [8, 16]) }),
      step('exchange', { rounds: between(draw, 1, 2) }),
      step('breach', { what: 'parameters of a running queue' }),
      change,
      ...Array.from({ length: between(draw, 1, 3) }, () => softly(rule, step('exchange', {}))),
      step('recover'),
    ];
  },
};

/** Status bits that are cleared without a reset do not send used buffers round again. */
export const clearedStatus: Scene = {
  name: 'cleared-status',
  breach: true,
  fits: (facts) => facts.type === 'blk',
  draw(view, draw) {
    const [old, late] = [fresh(view, 'old'), fresh(view, 'late')];
    return [
      up(view, draw, { size: 16 }),
      ...(chance(draw, 50) ? [step('exchange', {})] : []),
      step('request', { dir: 'any', as: old, list: 2, kick: 'yes' }),
      step('quiet'),
      step('done', { as: old }),
      step('poke', { memory: `${old}.1`, bytes: '77' }),
      step('breach', { what: 'status bits cleared' }),
      step('status', { write: pick(draw, [11, 7, 3, 1]) }),
      ...(chance(draw, 50) ? [step('quiet')] : []),
      anyRequest(late),
      step('status', { write: 15 }),
      step('kick', { queue: 'tx' }),
      step('quiet'),
      about('INV-WRITE-SCOPE', step('peek', { memory: `${old}.1`, bytes: '77' })),
      step('recover'),
    ];
  },
};

/** What the parent says about its queues stays as it is. */
export const lastingLimits: Scene = {
  name: 'lasting-limits',
  fits: everywhere,
  draw(view, draw) {
    const save = fresh(view, 'limits');
    const control = offers(view.facts, 'net.CTRL_VQ') && (view.facts.values.nas as number) > 1;
    const features = control ? ['net.CTRL_VQ'] : [];
    return [
      up(view, draw, { to: 'FEATURES_OK', features }),
      step('limits', { sizes: true, align: true, groups: true, save }),
      ...(control ? [softly('VDPA-076', step('limits', { 'own-control-group': 2 }))] : []),
      up(view, draw, { features, size: pick(draw, [2, 4, 8]) }),
      softly('VDPA-039', step('limits', { sizes: true, same: save })),
      about('VDPA-042', step('limits', { align: true, same: save })),
      about('VDPA-075', step('limits', { groups: true, same: save })),
    ];
  },
};

/** Any subset of the offer that is consistent in itself is accepted. */
export const validSubsets: Scene = {
  name: 'valid-subsets',
  fits: everywhere,
  draw: (_, draw) => [
    softly('V1.1-2.2.2-D2a', step('negotiate', { subsets: 'random', count: between(draw, 1, 6) })),
  ],
};

/** What a driver may not write any more has no effect. */
export const lateWrites: Scene = {
  name: 'late-writes',
  breach: true,
  fits: (facts) => offers(facts, 'EVENT_IDX'),
  draw(view, draw) {
    const as = fresh(view, 'late');
    return [
      up(view, draw, { features: ['EVENT_IDX'], size: 8 }),
      step('interrupts', { mode: 'arm' }),
      step('breach', { what: 'driver features while the device runs' }),
      step('features', {
        write: { baseline: chance(draw, 50), names: ['VERSION_1', 'ACCESS_PLATFORM'] },
        error: 'any',
      }),
      step('interrupts', { mode: 'arm' }),
      step('callbacks', {}),
      anyRequest(as),
      step('quiet'),
      softly('P1.1-019', step('done', { as })),
      softly('P1.1-019', step('callbacks', { count: { min: 1 } })),
      step('recover'),
    ];
  },
};

/** The bare reset op, at any time and several times over. */
export const bareResets: Scene = {
  name: 'bare-resets',
  fits: everywhere,
  draw(view, draw) {
    const reset = about('VDPA-008', step('reset-op', { error: 'ok' }));
    return [
      ...(chance(draw, 50) ? [up(view, draw), step('exchange', {})] : []),
      ...Array.from({ length: between(draw, 1, 3) }, () => reset),
      about('VDPA-008', step('status', { expect: 0 })),
      up(view, draw),
      step('exchange', {}),
    ];
  },
};

/** A running device that is resumed runs on. */
export const resumedTwice: Scene = {
  name: 'resumed-twice',
  fits: (facts) => facts.ops.includes('suspend') && facts.ops.includes('resume') && can(facts, 'pump'),
  draw(view, draw) {
    const as = fresh(view, 'resumed');
    return [
      up(view, draw, { size: 16 }),
      anyRequest(as, { count: between(draw, 1, 3) }),
      ...(chance(draw, 60) ? [step('pump', { units: 1 })] : []),
      ...(chance(draw, 40) ? [step('suspend'), step('resume')] : []),
      step('resume'),
      ...(chance(draw, 50) ? [step('quiet')] : [step('kick', { queue: 'tx' }), step('quiet')]),
      about('VDPA-086', step('done', { as })),
      about('VDPA-086', step('exchange', {})),
    ];
  },
};
