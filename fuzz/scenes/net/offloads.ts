import { chance, pick } from '../../draw.ts';
import { about, step } from '../../strategy.ts';
import { fresh, offers, type Scene, up } from '../scene.ts';
import { control } from './control-session.ts';

/** Receive offloads switched off and on again by command. */
export const offloads: Scene = {
  name: 'offloads',
  fits: (facts) =>
    control(facts) &&
    facts.peer?.sendMeta === 'gso' &&
    offers(facts, 'net.CTRL_GUEST_OFFLOADS', 'net.GUEST_CSUM', 'net.GUEST_TSO4'),
  draw(view, draw) {
    const frame = pick(draw, ['P3', 'P4']);
    const save = fresh(view, 'offloaded');
    const features = ['net.CTRL_VQ', 'net.CTRL_GUEST_OFFLOADS', 'net.GUEST_CSUM', 'net.GUEST_TSO4'];
    const set = (data: string) =>
      about('P1.1-027v', step('net-ctrl', { class: 'offloads', data, lay: pick(draw, ['C1', 'C2', 'C3']) }));
    const like = (rule: string) => about(rule, step('net-offloaded', { frame, like: save }));
    const off = [set(pick(draw, ['0200000000000000', '0000000000000000'])), plain('P4')];
    return [
      up(view, draw, { features: features.filter((name) => name !== 'net.CTRL_GUEST_OFFLOADS'), size: 16 }),
      step('net-offloaded', { frame, save }),
      up(view, draw, { features, size: 16 }),
      like('P1.1-027w'),
      ...off,
      ...(chance(draw, 50) ? [set('8200000000000000')] : [up(view, draw, { features, size: 16 })]),
      like('P1.1-027w'),
    ];
  },
};

const plain = (frame: string) => about('P1.1-027v', step('net-offloaded', { frame, plain: true }));

/** Offloads that were not negotiated are asked for; they must not be used. */
export const foreignOffloads: Scene = {
  name: 'foreign-offloads',
  breach: true,
  fits: (facts) => offloads.fits(facts) && offers(facts, 'net.GUEST_TSO6'),
  draw(view, draw) {
    const features = ['net.CTRL_VQ', 'net.CTRL_GUEST_OFFLOADS', 'net.GUEST_CSUM', 'net.GUEST_TSO4'];
    const data = pick(draw, ['0100000000000000', '8201000000000000', '8200000000000080', 'ffffffffffffffff']);
    const breach = 'offloads that were not negotiated';
    return [
      up(view, draw, { features, size: 16 }),
      step('net-ctrl', { class: 'offloads', data, ack: 'any', breach }),
      about('V1.1-5.1.6.4.1-D8', step('net-offloaded', { frame: 'P5', plain: true, lossy: true })),
      step('recover'),
    ];
  },
};
