import { between, chance, pick } from '../draw.ts';
import { about, softly, step } from '../strategy.ts';
import { plainCommand } from './net/plain-command.ts';
import { anyRequest, fresh, type Scene, up } from './scene.ts';

/** Requests that were kicked for while the device was suspended are done when it is resumed. */
export const kickedMeanwhile: Scene = {
  name: 'kicked-meanwhile',
  fits: (facts) => facts.ops.includes('suspend') && facts.ops.includes('resume'),
  draw(view, draw) {
    const as = fresh(view, 'meanwhile');
    return [
      up(view, draw, { size: 16 }),
      ...(chance(draw, 50) ? [step('exchange', {})] : []),
      step('suspend'),
      anyRequest(as, { count: between(draw, 1, 2) }),
      step('quiet'),
      about('VDPA-081', step('not-used', { as })),
      step('resume'),
      step('quiet'),
      softly('VDPA-084', step('done', { as })),
    ];
  },
};

/** Commands wait while the device is suspended. */
export const suspendedCommands: Scene = {
  name: 'suspended-commands',
  fits: (facts) => facts.ops.includes('suspend') && plainCommand(facts) !== null,
  draw(view, draw) {
    const as = fresh(view, 'waiting');
    const { features, hex } = plainCommand(view.facts)!;
    return [
      up(view, draw, { features, size: 8 }),
      step('suspend'),
      step('submit', { queue: 'control', as, parts: [{ r: hex }, { w: 1 }], kick: 'yes' }),
      step('quiet'),
      about('VDPA-090', step('not-used', { as })),
      about('VDPA-090', step('content', { as, untouched: true })),
    ];
  },
};

/** A queue that is made ready while the device is suspended waits with the others. */
export const readyMeanwhile: Scene = {
  name: 'ready-meanwhile',
  fits: (facts) => facts.ops.includes('suspend') && facts.ops.includes('resume'),
  draw(view, draw) {
    const as = fresh(view, 'waiting');
    return [
      up(view, draw, { size: 16 }),
      step('exchange', {}),
      step('suspend'),
      step('activity', { begin: true }),
      ...(chance(draw, 60) ? [step('queue', { queue: 'tx', ready: false })] : []),
      step('queue', { queue: 'tx', ready: true }),
      anyRequest(as),
      step('quiet'),
      about('VDPA-088', step('not-used', { as })),
      about('VDPA-088', step('activity', { stores: 0, callbacks: 0 })),
      step('resume'),
      step('kick', { queue: 'tx' }),
      step('quiet'),
      about('VDPA-088', step('done', { as })),
    ];
  },
};

/** A change of mappings does not wake the queues of a suspended device. */
export const mappedMeanwhile: Scene = {
  name: 'mapped-meanwhile',
  fits: (facts) => facts.ops.includes('suspend'),
  draw(view, draw) {
    const [as, more] = [fresh(view, 'late'), fresh(view, 'more')];
    const change = pick(draw, [
      step('memory', { as: more, size: 4096, perm: 'rw' }),
      step('mappings', { renew: between(draw, 1, 3) }),
    ]);
    return [
      up(view, draw, { size: 16 }),
      step('exchange', {}),
      step('suspend'),
      step('collect', { queue: 'tx' }),
      step('activity', { begin: true }),
      anyRequest(as),
      change,
      step('kick', { queue: 'tx' }),
      step('quiet'),
      about('VDPA-081', step('not-used', { as })),
      about('VDPA-082', step('activity', { stores: 0 })),
    ];
  },
};
