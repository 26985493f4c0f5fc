import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { between, chance, pick } from '../draw.ts';
import { type Strategy, step } from '../strategy.ts';

/** Look at the status and at what is in force; the model judges the answers. */
export const look: Strategy = {
  name: 'look',
  focus: 'status',
  weight: () => 4,
  draw: (view, draw) => {
    const reads = [step('status', { has: 0 }), step('features', { 'same-offer': true })];
    if (view.facts.abilities.includes('drvfeat')) reads.push(step('features', { 'driver-has': [] }));
    return [pick(draw, reads)];
  },
};

/** Any status byte at any time. */
export const anyStatus: Strategy = {
  name: 'any-status',
  focus: 'status',
  breach: true,
  weight: () => 2,
  draw(view, draw) {
    view.breached = true;
    const value = pick(draw, [
      1,
      2,
      3,
      4,
      7,
      8,
      0xb,
      0xc,
      0xf,
      0x10,
      0x40,
      0x4f,
      0x80,
      0x8f,
      0xff,
      between(draw, 1, 255),
    ]);
    return [
      step('breach', { what: 'status out of order' }),
      step('status', { write: value }),
      step('status', { has: 0 }),
    ];
  },
};

/** FAILED is the driver's to set at any time. */
export const giveUp: Strategy = {
  name: 'give-up',
  focus: 'status',
  weight: (view) => (view.phase !== 'reset' && !view.breached ? 1 : 0),
  draw: () => [step('status', { set: STATUS.FAILED }), step('status', { has: 0 })],
};

/** A set of features of any shape, written where it is legal to write one, then FEATURES_OK. */
export const anyFeatures: Strategy = {
  name: 'any-features',
  focus: 'features',
  weight: (view) => (view.phase === 'driver' && !view.breached ? 40 : 0),
  draw(view, draw) {
    const bits = Array.from({ length: 64 }, (_, i) => i).filter((bit) => (view.offered >> BigInt(bit)) & 1n);
    const some = bits.filter(() => chance(draw, pick(draw, [20, 50, 80])));
    const foreign = chance(draw, 25) ? [between(draw, 0, 63)] : [];
    const baseline = chance(draw, 85);
    // Whether the set is a right one is for the model to say; here it counts as unknown.
    view.breached = true;
    return [
      step('features', { write: { bits: [...some, ...foreign], baseline } }),
      step('status', { set: STATUS.FEATURES_OK }),
      step('status', { has: 0 }),
      ...(view.facts.abilities.includes('drvfeat') ? [step('features', { 'driver-has': [] })] : []),
    ];
  },
};

/** Features written when it is too late. */
export const lateFeatures: Strategy = {
  name: 'late-features',
  focus: 'features',
  breach: true,
  weight: (view) => (view.status >= 11 ? 1 : 0),
  draw(view, draw) {
    view.breached = true;
    return [
      step('breach', { what: 'features after FEATURES_OK' }),
      step('features', { write: { bits: [draw.int(64)], baseline: chance(draw, 50) } }),
    ];
  },
};

/** Bring the device to where features are negotiated. */
export const toDriver: Strategy = {
  name: 'to-driver',
  focus: 'features',
  weight: (view) => (view.phase === 'driver' ? 0 : 2),
  draw(view) {
    view.phase = 'driver';
    view.status = 3;
    view.load = [];
    view.breached = false;
    view.suspended = false;
    return [step('bring-up', { to: 'DRIVER' })];
  },
};
