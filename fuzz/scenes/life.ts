import { between, chance, pick } from '../draw.ts';
import { about, step } from '../strategy.ts';
import { plainCommand } from './net/plain-command.ts';
import { anyRequest, can, fresh, offers, type Scene, up } from './scene.ts';

const READ = '00000000 00000000 00000000 00000000';

/** A start that cannot succeed: the status does not show DRIVER_OK beside a failure. */
export const failedStart: Scene = {
  name: 'failed-start',
  breach: true,
  fits: () => true,
  draw: (view, draw) => [
    up(view, draw, { to: 'FEATURES_OK' }),
    step('breach', { what: 'a ready queue without addresses' }),
    step('set-up', { queue: 0, size: 8, omit: pick(draw, [['address'], ['address', 'num']]) }),
    about('VDPA-017', step('start', {})),
    step('recover'),
  ],
};

/** DRIVER_OK is taken back without a reset: the device does what its status says. */
export const halfStopped: Scene = {
  name: 'half-stopped',
  breach: true,
  fits: () => true,
  draw(view, draw) {
    const as = fresh(view, 'half');
    return [
      up(view, draw, { size: 16 }),
      ...(chance(draw, 50) ? [step('exchange', {})] : []),
      step('breach', { what: 'DRIVER_OK cleared without a reset' }),
      step('status', {
        write: pick(draw, ['ACKNOWLEDGE|DRIVER|FEATURES_OK', 'ACKNOWLEDGE|DRIVER', 'ACKNOWLEDGE']),
      }),
      anyRequest(as),
      step('quiet'),
      about('VDPA-018', step('serves-as-status-says', { as })),
      step('recover'),
    ];
  },
};

/** A position is taken or refused, and of a queue that runs it is known or not told. */
export const honestPositions: Scene = {
  name: 'honest-positions',
  fits: () => true,
  draw(view, draw) {
    const told = about('VDPA-036', step('position-or-error', { queue: 'tx' }));
    return chance(draw, 50)
      ? [
          up(view, draw, { to: 'QUEUES', ready: false, size: 8 }),
          about('VDPA-030', step('state-or-refusal', { queue: 'tx', index: draw.int(8) })),
        ]
      : [up(view, draw, { size: 8 }), step('exchange', { rounds: between(draw, 1, 9) }), told];
  },
};

/** A parent that translates in software refuses a driver that hands over physical addresses. */
export const platformAccess: Scene = {
  name: 'platform-access',
  fits: (facts) => can(facts, 'pump', 'not-pci') && offers(facts, 'ACCESS_PLATFORM'),
  draw: (view, draw) => [
    up(view, draw, { to: 'DRIVER' }),
    about(
      'VDPA-046',
      step('features', { write: { names: ['VERSION_1'], baseline: false }, error: 'refused' }),
    ),
  ],
};

/** Driver features stay what they are until the reset, whatever becomes of the queues. */
export const lastingFeatures: Scene = {
  name: 'lasting-features',
  fits: (facts) => can(facts, 'drvfeat'),
  draw(view, draw) {
    const features = ['RING_PACKED', 'EVENT_IDX'].filter(
      (name) => offers(view.facts, name) && chance(draw, 50),
    );
    const look = about('VDPA-050', step('features', { 'driver-has': ['VERSION_1', ...features] }));
    return [
      up(view, draw, { features, size: 8 }),
      step('exchange', {}),
      look,
      step('queue', { queue: 'tx', ready: false }),
      ...(chance(draw, 50) ? [step('queue', { queue: 'tx', ready: true })] : []),
      look,
    ];
  },
};

/** A driver that does not run yet is not told of changes of the configuration. */
export const untoldChange: Scene = {
  name: 'untold-change',
  fits: (facts) => can(facts, 'cfg-change') && facts.type === 'blk',
  draw: (view, draw) => [
    up(view, draw, { to: pick(draw, ['FEATURES_OK', 'QUEUES']) }),
    step('listen', { config: true, on: true }),
    step('activity', { begin: true }),
    step('backend', { 'change-config': { field: 'topology.opt_io_size', add: between(draw, 1, 9) } }),
    step('quiet'),
    about('VDPA-058', step('activity', { 'config-callbacks': 0 })),
  ],
};

/** Interrupt numbers stay what they are while the device runs. */
export const interruptNumbers: Scene = {
  name: 'interrupt-numbers',
  fits: (facts) => facts.ops.includes('getVqIrq'),
  draw: (view, draw) => [
    up(view, draw),
    step('interrupt-numbers', { save: true }),
    step('exchange', { rounds: between(draw, 1, 3) }),
    about('VDPA-095', step('interrupt-numbers', {})),
  ],
};

/** A table that cannot be taken changes nothing, or everything. */
export const failingTable: Scene = {
  name: 'failing-table',
  breach: true,
  fits: (facts) => facts.type === 'blk' && facts.ops.includes('setMap') && can(facts, 'perm-map'),
  draw(view, draw) {
    const [first, last, save] = [fresh(view, 'first'), fresh(view, 'last'), fresh(view, 'mappings')];
    const as = [fresh(view, 'a'), fresh(view, 'b')];
    const read = (name: string, page: string) =>
      step('submit', { as: name, parts: [{ r: READ }, { w: 513, in: page }], kick: 'no' });
    return [
      up(view, draw, { size: 16 }),
      step('memory', { as: first, size: 4096, perm: 'rw' }),
      step('memory', { as: last, size: 4096, perm: 'rw' }),
      read(as[0], first),
      read(as[1], last),
      step('mappings', { save }),
      step('breach', { what: 'a table that cannot be taken' }),
      step('failing-table', { first, last, what: pick(draw, ['too-many', 'overlap']) }),
      step('kick', {}),
      step('quiet'),
      about('VDPA-062', step('all-or-none', { as })),
      step('reset'),
      step('mappings', { restore: save }),
      step('recover'),
    ];
  },
};

/** A table in software has an end, and is as it was when it has been filled. */
export const fullTable: Scene = {
  name: 'full-table',
  // Thousands of mappings: as long as twenty other scenes.
  weight: 1 / 6,
  fits: (facts) => facts.ops.includes('dmaMap') && can(facts, 'pump'),
  draw: (view, draw) => [
    up(view, draw),
    about('VDPA-069', step('fill-table', { most: 4096 })),
    step('exchange', {}),
  ],
};

/** A page at the end of the usable range. */
export const edgeOfRange: Scene = {
  name: 'edge-of-range',
  fits: (facts) => facts.type === 'blk' && can(facts, 'perm-map'),
  draw(view, draw) {
    const [page, as] = [fresh(view, 'edge'), fresh(view, 'read')];
    return [
      up(view, draw),
      about('VDPA-072', step('memory-edge', { as: page, edge: pick(draw, ['first', 'last']) })),
      step('submit', { as, parts: [{ r: READ }, { w: 513, in: page }], kick: 'yes' }),
      step('quiet'),
      about('VDPA-072', step('used', { as, 'last-byte': 0 })),
      step('map', { memory: page, perm: 'none' }),
    ];
  },
};

const moves = (facts: Parameters<Scene['fits']>[0]) =>
  facts.ops.includes('setGroupAsid') && (facts.values.nas as number) > 1 && can(facts, 'perm-map');

/** Rings translate in another address space than the buffers. */
export const ringsApart: Scene = {
  name: 'rings-apart',
  fits: (facts) => moves(facts) && facts.type === 'blk' && facts.ops.includes('getVqDescGroup'),
  draw(view, draw) {
    const [header, data, as] = [fresh(view, 'header'), fresh(view, 'data'), fresh(view, 'apart')];
    const save = fresh(view, 'mappings');
    return [
      up(view, draw, { to: 'FEATURES_OK' }),
      step('group-asid', { group: (view.facts.values.ngroups as number) - 1, asid: 1 }),
      step('set-up', { queue: 0, size: 8 }),
      step('mappings', { save }),
      step('mappings', { asid: 0, 'copy-to': 1 }),
      step('mappings', { asid: 0, clear: true }),
      step('memory', { as: header, size: 4096, perm: 'rw' }),
      step('memory', { as: data, size: 4096, perm: 'rw' }),
      step('status', { set: 'DRIVER_OK' }),
      step('submit', {
        as,
        parts: [
          { r: READ, in: header },
          { w: 513, in: data },
        ],
        kick: 'yes',
      }),
      step('quiet'),
      about('VDPA-080', step('used', { as, 'last-byte': 0 })),
      step('reset'),
      step('mappings', { asid: 1, clear: true }),
      step('mappings', { restore: save }),
    ];
  },
};

/** The control queue finds other memory at the address that the guest has. */
export const commandsOfTheMonitor: Scene = {
  name: 'commands-of-the-monitor',
  fits: (facts) => moves(facts) && facts.ops.includes('getVqGroup') && plainCommand(facts) !== null,
  draw(view, draw) {
    const [guest, monitor, as] = [fresh(view, 'guest'), fresh(view, 'monitor'), fresh(view, 'command')];
    const { features, hex } = plainCommand(view.facts)!;
    const unknown = `0${pick(draw, [7, 9])} 63 01${' 00'.repeat(hex.split(' ').length - 3)}`;
    return [
      up(view, draw, { to: 'FEATURES_OK', features }),
      step('memory', { as: guest, size: 4096, perm: 'rw', bytes: unknown }),
      step('memory', { as: monitor, size: 4096, perm: 'rw', bytes: hex }),
      step('set-up', { queue: 2, size: 8 }),
      // Whatever memory the command takes, the other address space has it too.
      step('submit', { queue: 2, as, parts: [{ r: unknown, in: guest }, { w: 1 }], publish: false }),
      step('mappings', { asid: 0, 'copy-to': 1 }),
      step('overlay', { memory: monitor, at: guest, asid: 1 }),
      step('group-asid', { queue: 2, asid: 1 }),
      step('status', { set: 'DRIVER_OK' }),
      step('publish', { queue: 2, kick: 'yes' }),
      step('quiet'),
      about('VDPA-077', step('used', { as, 'last-byte': 0 })),
      step('reset'),
      step('mappings', { asid: 1, clear: true }),
    ];
  },
};
