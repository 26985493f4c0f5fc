import { between, chance, pick } from '../draw.ts';
import { about, step } from '../strategy.ts';
import { plainCommand } from './net/plain-command.ts';
import { anyRequest, can, fresh, type Scene, up } from './scene.ts';

type Facts = Parameters<Scene['fits']>[0];

const READ = '0000000000000000 0000000000000000';
const spaces = (facts: Facts) => facts.values.nas as number;
const moves = (facts: Facts) => facts.ops.includes('setGroupAsid') && spaces(facts) > 1;
const commands = (facts: Facts) => plainCommand(facts) !== null;

/** A read of a block device into named memory. */
const readInto = (as: string, memory: string, more: Record<string, unknown> = {}) =>
  step('submit', { as, parts: [{ r: READ }, { w: 513, in: memory }], kick: 'yes', ...more });

/** Unmapping takes away what it names and nothing else. */
export const unmapOne: Scene = {
  name: 'unmap-one',
  fits: (facts) => facts.type === 'blk' && can(facts, 'perm-map'),
  draw(view, draw) {
    const pages = Array.from({ length: between(draw, 2, 4) }, () => fresh(view, 'page'));
    const gone = pick(draw, pages);
    const kept = pick(
      draw,
      pages.filter((page) => page !== gone),
    );
    const as = fresh(view, 'read');
    return [
      up(view, draw),
      ...pages.map((page) => step('memory', { as: page, size: 4096, perm: 'rw' })),
      step('map', { memory: gone, perm: 'none' }),
      readInto(as, kept),
      step('quiet'),
      about('VDPA-066', step('used', { as, 'last-byte': 0 })),
    ];
  },
};

/** What was unmapped is out of reach, known to the device or not. */
export const outOfReach: Scene = {
  name: 'out-of-reach',
  breach: true,
  fits: (facts) => facts.type === 'blk' && can(facts, 'perm-map'),
  draw(view, draw) {
    const [page, before, gone] = [fresh(view, 'page'), fresh(view, 'before'), fresh(view, 'gone')];
    const warm = chance(draw, 50) ? [readInto(before, page), step('quiet')] : [];
    return [
      up(view, draw),
      step('memory', { as: page, size: 4096, perm: 'rw' }),
      ...warm,
      step('map', { memory: page, perm: 'none' }),
      step('breach', { what: 'a buffer that is not mapped' }),
      readInto(gone, page),
      step('quiet'),
      about('VDPA-066', step('content', { as: gone, untouched: true })),
      step('recover'),
    ];
  },
};

/** Nothing is mapped any more, rings included: the device stays still. */
export const allGone: Scene = {
  name: 'all-gone',
  weight: 2,
  breach: true,
  fits: (facts) => can(facts, 'perm-map') && (facts.ops.includes('setMap') || facts.ops.includes('dmaMap')),
  draw(view, draw) {
    const [as, save] = [fresh(view, 'unmapped'), fresh(view, 'mappings')];
    return [
      up(view, draw, { size: 8 }),
      step('exchange', {}),
      anyRequest(as, { kick: 'no' }),
      step('mappings', { save }),
      step('breach', { what: 'memory unmapped under a running queue' }),
      step('activity', { begin: true }),
      step('mappings', { clear: true }),
      step('kick', { queue: 'tx' }),
      step('quiet'),
      about('VDPA-061', step('activity', { stores: 0 })),
      about('VDPA-061', step('not-used', { as })),
      step('reset'),
      step('mappings', { restore: save }),
      step('recover'),
    ];
  },
};

/** A reset of the old kind: with its flag all mappings go, without it they stay. */
export const cleanReset: Scene = {
  name: 'clean-reset',
  weight: 2,
  breach: true,
  fits: (facts) => facts.ops.includes('compatReset') && can(facts, 'perm-map'),
  draw(view, draw) {
    const [as, save] = [fresh(view, 'unmapped'), fresh(view, 'mappings')];
    return [
      up(view, draw, { size: 8 }),
      step('exchange', {}),
      ...(chance(draw, 40) ? [step('reset-op', { flags: 0 }), up(view, draw), step('exchange', {})] : []),
      step('mappings', { save }),
      step('reset-op', { flags: 1 }),
      up(view, draw, { to: 'QUEUES', size: 8 }),
      // Rings that did not fit into what the driver had are mapped anew.
      step('mappings', { unchanged: save }),
      step('breach', { what: 'rings that are not mapped any more' }),
      step('activity', { begin: true }),
      step('status', { set: 'DRIVER_OK' }),
      anyRequest(as),
      step('quiet'),
      // A parent with set_map takes the whole table again, rings included, when the request needs memory of its own.
      step('mappings', { unchanged: save }),
      about('VDPA-011', step('activity', { stores: 0 })),
      about('VDPA-011', step('not-used', { as })),
      step('reset'),
      step('mappings', { restore: save }),
      step('recover'),
    ];
  },
};

/** Ranges that were never mapped are unmapped, to no effect. */
export const strayUnmap: Scene = {
  name: 'stray-unmap',
  fits: (facts) => facts.ops.includes('dmaMap'),
  draw: (view, draw) => [
    up(view, draw),
    step('exchange', {}),
    step('stray-unmap'),
    about('VDPA-067', step('exchange', {})),
  ],
};

/** An address space that does not exist is refused. */
export const noSuchSpace: Scene = {
  name: 'no-such-space',
  breach: true,
  fits: () => true,
  draw: (view, draw) => [
    up(view, draw),
    step('breach', { what: 'address space that does not exist' }),
    about('VDPA-071', step('bad-asid', { asid: spaces(view.facts) + pick(draw, [0, 1, 7, 65_535]) })),
    step('recover'),
  ],
};

/** What happens in one address space does not show in another. */
export const otherSpace: Scene = {
  name: 'other-space',
  fits: (facts) => spaces(facts) > 1,
  draw: (view, draw) => [
    up(view, draw),
    step('mappings', { asid: 0, 'copy-to': 1 }),
    about('VDPA-063', step('exchange', {})),
    step('mappings', { asid: 1, clear: true }),
    about('VDPA-063', step('exchange', { rounds: between(draw, 1, 2) })),
  ],
};

/** A reset takes all groups back to address space 0. */
export const groupsGoBack: Scene = {
  name: 'groups-go-back',
  fits: moves,
  draw(view, draw) {
    const groups = Array.from({ length: view.facts.values.ngroups as number }, (_, group) => group);
    return [
      up(view, draw, { to: 'FEATURES_OK' }),
      ...groups.filter(() => chance(draw, 80)).map((group) => step('group-asid', { group, asid: 1 })),
      up(view, draw),
      about('VDPA-013', step('exchange', {})),
    ];
  },
};

/** All groups share an address space. */
export const oneSpaceForAll: Scene = {
  name: 'one-space-for-all',
  fits: (facts) => moves(facts) && facts.peer?.take === true && commands(facts),
  draw(view, draw) {
    const as = fresh(view, 'shared');
    const asid = draw.int(2);
    const groups = Array.from({ length: view.facts.values.ngroups as number }, (_, group) => group);
    return [
      up(view, draw, { to: 'FEATURES_OK' }),
      ...groups.map((group) => about('VDPA-079', step('group-asid', { group, asid }))),
      step('queues', { 'set-up': { size: 16 } }),
      anyRequest(as, { publish: false }),
      ...(asid === 1 ? [step('mappings', { asid: 0, 'copy-to': 1 })] : []),
      step('status', { set: 'DRIVER_OK' }),
      step('publish', { queue: 'tx', kick: 'yes' }),
      step('quiet'),
      about('VDPA-079', step('done', { as })),
      step('reset'),
      ...(asid === 1 ? [step('mappings', { asid: 1, clear: true })] : []),
    ];
  },
};

/** A group that was moved has its rings and buffers in the other address space. */
export const groupMoves: Scene = {
  name: 'group-moves',
  fits: (facts) =>
    moves(facts) && facts.ops.includes('getVqGroup') && can(facts, 'perm-map') && commands(facts),
  draw(view, draw) {
    const as = fresh(view, 'moved');
    const early = chance(draw, 50);
    const assign = about('VDPA-078', step('group-asid', { queue: 2, asid: 1 }));
    const { features, hex } = plainCommand(view.facts)!;
    return [
      up(view, draw, { to: 'FEATURES_OK', features }),
      ...(early ? [assign] : []),
      step('set-up', { queue: 2, size: 8 }),
      step('submit', { queue: 2, as, parts: [{ r: hex }, { w: 1 }], publish: false }),
      step('mappings', { asid: 0, 'copy-to': 1 }),
      step('mappings', { asid: 0, clear: true }),
      ...(early ? [] : [assign]),
      step('status', { set: 'DRIVER_OK' }),
      step('publish', { queue: 2, kick: 'yes' }),
      step('quiet'),
      about('VDPA-077', step('used', { as, 'last-byte': 0 })),
      step('reset'),
      step('mappings', { asid: 1, 'copy-to': 0 }),
      step('mappings', { asid: 1, clear: true }),
    ];
  },
};
