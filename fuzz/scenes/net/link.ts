import { between } from '../../draw.ts';
import { about, step } from '../../strategy.ts';
import { offers, type Scene, up } from '../scene.ts';
import { control } from './control-session.ts';

/** Announcements that are acknowledged, sooner or later. */
export const announcements: Scene = {
  name: 'announcements',
  fits: (facts) =>
    control(facts) && facts.peer?.announce === true && offers(facts, 'net.GUEST_ANNOUNCE', 'net.STATUS'),
  draw: (view, draw) => [
    up(view, draw, { features: ['net.CTRL_VQ', 'net.GUEST_ANNOUNCE', 'net.STATUS'] }),
    ...Array.from({ length: between(draw, 1, 3) }, () => step('peer', { announce: true })),
    step('quiet'),
    step('net-ctrl', { class: 'announce', ack: 'any' }),
    step('quiet'),
  ],
};

/** The link as the far side has it. */
export const link: Scene = {
  name: 'link',
  fits: (facts) => facts.type === 'net' && facts.peer?.link === true && offers(facts, 'net.STATUS'),
  draw(view, draw) {
    const states = [...Array.from({ length: between(draw, 0, 2) }, () => draw.int(2)), 1];
    return [
      up(view, draw, { features: ['net.STATUS'] }),
      ...states.flatMap((on) => [
        step('peer', { link: on === 1 ? 'up' : 'down' }),
        step('quiet'),
        about('P1.1-027d', step('config', { field: 'status', mask: 1, equals: on })),
      ]),
    ];
  },
};
