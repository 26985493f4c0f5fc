import { between, chance, pick } from '../../draw.ts';
import { about, type DrawnStep, step } from '../../strategy.ts';
import { fresh, offers, type Scene, up } from '../scene.ts';
import { choose, RX, sends } from './features.ts';

/** Buffers run short, and come later: nothing is lost for good, nothing is used for half a packet. */
export const shortage: Scene = {
  name: 'shortage',
  weight: 2,
  fits: sends,
  draw(view, draw) {
    const mergeable = offers(view.facts, 'net.MRG_RXBUF') && chance(draw, 70);
    const events = chance(draw, 50) ? ['EVENT_IDX'] : [];
    const features = [...(mergeable ? ['net.MRG_RXBUF'] : []), ...events].filter((name) =>
      offers(view.facts, name),
    );
    const size = mergeable ? pick(draw, [64, 128, 256]) : 1200;
    const large = { r4: mergeable ? pick(draw, [300, 1000]) : 100, marker: 1, count: between(draw, 1, 4) };
    const last = { is: 'F', marker: 60 };
    return [
      up(view, draw, { features, without: RX.filter((name) => !features.includes(name)), size: 64 }),
      step('net-rx', { post: { count: between(draw, 1, 3), size } }),
      step('peer', { send: large }),
      ...(chance(draw, 50) ? [step('pump', { units: between(draw, 1, 3) })] : [step('quiet')]),
      ...(chance(draw, 50) ? [step('net-rx', { post: { count: 1, size } })] : []),
      step('quiet'),
      step('net-rx', { post: { count: mergeable ? 56 : 20, size } }),
      ...(chance(draw, 50) ? [step('quiet')] : []),
      step('peer', { send: last }),
      about('P1.1-027l', step('net-rx', { has: last })),
      about('P1.1-027l', step('net-rx', { expect: { frames: [large, last], missing: true } })),
      ...(chance(draw, 60) ? usedUp(size) : []),
    ];
  },
};

/** Frames until no buffer of `size` bytes is left: none was forgotten. The last one may not take a whole frame. */
function usedUp(size: number): DrawnStep[] {
  const rest = Array.from({ length: 5 }, (_, i) => ({ is: 'F', marker: 70 + 12 * i, count: 12 }));
  return [
    ...rest.flatMap((frames) => [
      step('peer', { send: frames }),
      about('P1.1-027l', step('net-rx', { expect: { frames, missing: true } })),
    ]),
    about('P1.1-027l', step('net-rx', { unused: { max: size < 74 ? 1 : 0 } })),
  ];
}

/** Receive buffers that hold no header, or nothing at all, or are read-only in part. */
export const uselessBuffers: Scene = {
  name: 'useless-buffers',
  weight: 2,
  breach: true,
  fits: sends,
  draw(view, draw) {
    const small = () => ({ w: pick(draw, [1, 4, 8, 11, 12, 13, 26, 60]) });
    const read = () => ({ r: { fill: 7, size: pick(draw, [12, 60, 300]) } });
    const part = () => (chance(draw, 70) ? small() : read());
    const posts = Array.from({ length: between(draw, 1, 3) }, () =>
      step('submit', {
        queue: 'rx',
        as: fresh(view, 'useless'),
        parts: Array.from({ length: between(draw, 1, 3) }, part),
        breach: true,
        kick: 'yes',
      }),
    );
    const later = chance(draw, 60);
    return [
      up(view, draw, { features: choose(view, draw, ['net.MRG_RXBUF'], 50), size: 16 }),
      ...posts,
      step('peer', { send: { r4: pick(draw, [8, 100, 400]), marker: 1, count: between(draw, 1, 3) } }),
      step('quiet'),
      ...(later
        ? [step('net-rx', { post: { count: 4, size: 2048 } }), step('peer', { send: 'F' }), step('quiet')]
        : []),
      step('recover'),
    ];
  },
};

/** Buffers too small for a header hold up nothing: what comes when there is room again arrives. */
export const tinyBuffers: Scene = {
  name: 'tiny-buffers',
  breach: true,
  fits: sends,
  draw(view, draw) {
    const last = { is: 'F', marker: 9 };
    return [
      up(view, draw, { features: choose(view, draw, ['net.MRG_RXBUF'], 50), without: RX, size: 16 }),
      step('breach', { what: 'receive buffers smaller than the header' }),
      step('net-rx', {
        post: { sizes: Array.from({ length: between(draw, 1, 3) }, () => pick(draw, [1, 8, 11])) },
      }),
      step('peer', { send: { is: 'F', marker: 2 } }),
      step('quiet'),
      step('net-rx', { post: { count: 6 } }),
      step('peer', { send: { is: 'F', marker: 3, count: 2 } }),
      step('quiet'),
      step('peer', { send: last }),
      about('INV-ALIVE', step('net-rx', { breached: true, has: last })),
      step('recover'),
    ];
  },
};
