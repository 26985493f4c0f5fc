import { between, chance, pick } from '../draw.ts';
import { about, softly, step } from '../strategy.ts';
import { fresh, offers, type Scene, up } from './scene.ts';

/** A driver cannot store into read-only fields, nor behind the end. */
export const readOnlyFields: Scene = {
  name: 'read-only-fields',
  breach: true,
  fits: (facts) => (facts.values.config_size as number) > 0,
  draw(view, draw) {
    const size = view.facts.values.config_size as number;
    const save = fresh(view, 'config');
    const bytes = { fill: pick(draw, [0xff, 0x5a]), size: between(draw, 1, 8) };
    return [
      step('bring-up', { to: pick(draw, ['DRIVER', 'DRIVER_OK']) }),
      step('config', { save }),
      step('breach', { what: 'read-only configuration written' }),
      step('config-write', { at: chance(draw, 80) ? draw.int(size) : pick(draw, [size, 4096]), bytes }),
      about('VDPA-055', step('config', { same: save })),
    ];
  },
};

/** All fields can be read before features are negotiated, and say the same afterwards. */
export const earlyReads: Scene = {
  name: 'early-reads',
  fits: () => true,
  draw(view, draw) {
    const save = fresh(view, 'early');
    return [
      up(view, draw, { to: pick(draw, ['RESET', 'ACKNOWLEDGE', 'DRIVER']) }),
      step('config-sweep', { save }),
      up(view, draw, { to: pick(draw, ['FEATURES_OK', 'DRIVER_OK']) }),
      about('V1.1-2.4.2-D1', step('config-sweep', { same: save })),
    ];
  },
};

/** What a field says does not depend on the features accepted. */
export const sameWithoutFeatures: Scene = {
  name: 'same-without-features',
  fits: (facts) => facts.type === 'blk' && (facts.values.declared_capacity as number) >= 0,
  draw: (view, draw) => [
    up(view, draw, {
      features: chance(draw, 50) ? ['blk.SEG_MAX', 'blk.SIZE_MAX', 'blk.BLK_SIZE'] : [],
      to: pick(draw, ['FEATURES_OK', 'DRIVER_OK']),
    }),
    about('P1.1-026f', step('declared', { fact: 'capacity' })),
  ],
};

/** The cache mode where the driver cannot flush, and bytes beside it. */
export const writebackWithoutFlush: Scene = {
  name: 'writeback-without-flush',
  fits: (facts) => facts.type === 'blk' && offers(facts, 'blk.CONFIG_WCE', 'blk.FLUSH'),
  draw(view, draw) {
    const both = ['blk.CONFIG_WCE', 'blk.FLUSH'];
    const write = step('config-write', { field: 'writeback', bytes: `0${draw.int(2)}` });
    return [
      up(view, draw, { features: both }),
      ...(chance(draw, 70) ? [write] : []),
      about('V1.1-5.2.5.2-D3', step('blk-padding', { field: 'unused0' })),
      up(view, draw, { features: ['blk.CONFIG_WCE'], without: ['blk.FLUSH'] }),
      about('V1.1-5.2.5.2-D2', step('config', { field: 'writeback', equals: 0 })),
    ];
  },
};

/** What a disk offers goes together, and the bytes between its fields are 0. */
export const offeredTogether: Scene = {
  name: 'offered-together',
  fits: (facts) => facts.type === 'blk',
  draw: (view, draw) => [
    up(view, draw, { to: pick(draw, ['DRIVER', 'FEATURES_OK', 'DRIVER_OK']) }),
    softly('V1.1-5.2.5.2-D1a', step('features', { 'offered-has': ['blk.FLUSH'] })),
    ...(offers(view.facts, 'blk.CONFIG_WCE')
      ? [about('V1.1-5.2.5.2-D1b', step('features', { 'offered-has': ['blk.FLUSH'] }))]
      : []),
    about('V1.1-5.2.5.2-D3', step('blk-padding', { field: pick(draw, ['unused0', 'unused1']) })),
  ],
};
