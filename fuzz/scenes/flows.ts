import { between, chance, type Draw, pick } from '../draw.ts';
import { about, type DrawnStep, softly, step } from '../strategy.ts';
import type { View } from '../view.ts';
import { offers, type Scene, up } from './scene.ts';

type Facts = Parameters<Scene['fits']>[0];

const pairs = ({ values }: Facts) => values.max_virtqueue_pairs as number;
const several = (facts: Facts) =>
  facts.type === 'net' &&
  facts.peer?.send === true &&
  offers(facts, 'net.CTRL_VQ', 'net.MQ') &&
  pairs(facts) > 1 &&
  pairs(facts) < 64;
const FEATURES = ['net.CTRL_VQ', 'net.MQ', 'net.MAC'];

const setPairs = (draw: Draw, count: number): DrawnStep =>
  step('net-ctrl', {
    class: 'mq',
    command: 0,
    data: (count & 0xff).toString(16).padStart(2, '0') + (count >> 8).toString(16).padStart(2, '0'),
    ack: 'model',
    lay: pick(draw, ['C1', 'C2', 'C3']),
  });

const bringUp = (view: View, draw: Draw, more = {}) =>
  up(view, draw, { features: FEATURES, size: 16, ...more });

/** Numbers of pairs come and go; what arrives keeps to those in use, each flow to its queue. */
export const steering: Scene = {
  name: 'steering',
  weight: 3,
  fits: several,
  draw(view, draw) {
    const most = pairs(view.facts);
    let current = 1;
    const steps: DrawnStep[] = [];
    const seen = () => {
      const rule = current === 1 ? pick(draw, ['P1.1-027u', 'V1.1-5.1.6.5.5.2-D1']) : 'V1.1-5.1.6.5.5.2-D2';
      return about(
        rule,
        step('net-flows', { flows: between(draw, 6, 24), replies: between(draw, 1, 2), within: current }),
      );
    };
    for (let n = between(draw, 1, 4); n > 0; n--) {
      const kind = draw.int(10);
      if (kind < 4) {
        current = between(draw, 1, most);
        steps.push(setPairs(draw, current));
      } else if (kind < 6 && current > 1) {
        const to = between(draw, 1, current);
        const shrink = step('net-flows', { flows: 24, replies: 2, 'set-pairs': to, lossy: chance(draw, 50) });
        steps.push(
          shrink.args.lossy ? about('V1.1-5.1.6.5.5.2-D2', shrink) : softly('V1.1-5.1.6.5.5.2-D2', shrink),
        );
        current = to;
      } else if (kind < 8 && current > 1) {
        // Learnt from what each flow has sent, sooner or later.
        const tx = Array.from({ length: between(draw, 1, 3) }, () => between(draw, 1, current));
        const stay = { flows: between(draw, 2, 8), replies: 18, tx, follows: 16, within: current };
        // Without `for`: each aspect names its own requirement.
        steps.push(step('net-flows', { ...stay, ...(chance(draw, 50) ? { stable: true } : {}) }));
      } else if (kind === 8) {
        current = 1;
        steps.push(bringUp(view, draw));
      }
      steps.push(seen());
    }
    return [bringUp(view, draw), ...steps];
  },
};

/** Pairs that do not exist or are not ready: whatever the device makes of it, traffic goes on or it says so. */
export const wrongPairs: Scene = {
  name: 'wrong-pairs',
  weight: 2,
  breach: true,
  fits: several,
  draw(view, draw) {
    const most = pairs(view.facts);
    const absent = chance(draw, 50);
    const count = absent ? most : pick(draw, [0, most + 1, 2 * most, 0x8000, 0x8001, 0xffff]);
    const breach = absent ? 'pairs that are not ready' : 'a number of pairs that does not exist';
    const set = setPairs(draw, count);
    const flows = (lossy: boolean) =>
      about(
        'INV-ALIVE',
        step('net-flows', { flows: between(draw, 8, 32), breached: true, ...(lossy ? { lossy } : {}) }),
      );
    return [
      bringUp(view, draw, absent ? { queues: [0, 1, 2 * most] } : {}),
      ...(absent ? [] : [setPairs(draw, 1)]),
      about('P1.1-027', { ...set, args: { ...set.args, ack: 'any', breach } }),
      flows(absent),
      step('recover'),
    ];
  },
};
