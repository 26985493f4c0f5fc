import { between, type Draw, pick } from '../../draw.ts';
import { about, type DrawnStep, softly, step } from '../../strategy.ts';
import type { View } from '../../view.ts';
import { hex } from '../bytes.ts';
import { fresh, offers, type Scene, up } from '../scene.ts';
import { control, layout, sessionFeatures } from './control-session.ts';

/** A command that is right with these features. */
function rightCommand(view: View, draw: Draw, features: readonly string[]): DrawnStep {
  const lay = layout(draw);
  const command = (kind: string, number: number, data: string, more = {}) =>
    step('net-ctrl', { class: kind, command: number, data, ...lay, ...more });
  const choices: (() => DrawnStep)[] = [
    () =>
      about(
        'P1.1-027',
        step('net-ctrl', { class: pick(draw, [127, 6, 255]), command: draw.int(3), ack: 'any' }),
      ),
    () =>
      softly(
        'P1.1-027',
        step('net-ctrl', { class: pick(draw, [127, 6, 255]), command: draw.int(3), ack: 1 }),
      ),
    () =>
      softly(
        'P1.1-027',
        step('net-ctrl', { class: draw.int(5), command: pick(draw, [6, 127, 255]), data: '00', ack: 1 }),
      ),
  ];
  const when = (name: string, choice: () => DrawnStep) => features.includes(name) && choices.push(choice);
  when('net.CTRL_RX', () => {
    const number = draw.int(2);
    return about(`V1.1-5.1.6.5.1.1-D1.${number + 1}`, command('rx', number, hex([draw.int(2)])));
  });
  when('net.CTRL_RX', () => {
    const table = hex([1, 0, 0, 0, 2, 0, 0, 0, 0, 0x77, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, draw.int(256)]);
    return about('V1.1-2.6.4.1-D1', command('mac', 0, table));
  });
  when('net.CTRL_RX_EXTRA', () => {
    const number = between(draw, 2, 5);
    return about(`V1.1-5.1.6.5.1.1-D5.${number - 1}`, command('rx', number, hex([draw.int(2)])));
  });
  when('net.CTRL_MAC_ADDR', () => {
    const mac = hex([2, draw.int(2), draw.int(256), draw.int(256), 0, draw.int(256)]);
    const look = { 'at-used': { field: 'mac', equals: mac } };
    return about('V1.1-5.1.6.5.2.1-D3', command('mac', 1, mac, look));
  });
  when('net.CTRL_VLAN', () =>
    about('P1.1-027r', command('vlan', draw.int(2), hex([draw.int(256), draw.int(16)]))),
  );
  when('net.MQ', () => {
    const pairs = between(draw, 1, view.facts.values.max_virtqueue_pairs as number);
    return about('P1.1-027t', command('mq', 0, hex([pairs, pairs >> 8])));
  });
  return pick(draw, choices)();
}

/** Commands that a device has to carry out. */
export const commands: Scene = {
  name: 'commands',
  fits: control,
  draw(view, draw) {
    const features = sessionFeatures(view, draw);
    const count = between(draw, 1, 5);
    return [
      up(view, draw, { features, size: pick(draw, [8, 16]) }),
      ...Array.from({ length: count }, () => rightCommand(view, draw, features)),
    ];
  },
};

/** A long run of commands: a device that keeps something of each runs out of it. */
export const commandStorm: Scene = {
  name: 'command-storm',
  fits: (facts) => control(facts) && offers(facts, 'net.CTRL_RX'),
  draw(view, draw) {
    const command = draw.int(2);
    const storm = step('net-ctrl-storm', { class: 'rx', command, times: pick(draw, [20, 70, 256]) });
    return [
      up(view, draw, { features: ['net.CTRL_VQ', 'net.CTRL_RX'], size: pick(draw, [8, 16]) }),
      about(`V1.1-5.1.6.5.1.1-D1.${command + 1}`, storm),
    ];
  },
};

/** Several commands that are available at the same time. */
export const severalCommands: Scene = {
  name: 'several-commands',
  fits: (facts) => control(facts) && offers(facts, 'net.CTRL_RX'),
  draw(view, draw) {
    const names = Array.from({ length: between(draw, 2, 3) }, () => fresh(view, 'command'));
    return [
      up(view, draw, { features: ['net.CTRL_VQ', 'net.CTRL_RX'], size: 16 }),
      ...names.map((as) =>
        step('net-ctrl', { class: 'rx', command: draw.int(2), data: hex([draw.int(2)]), as, wait: false }),
      ),
      step('quiet'),
      ...names.map((as) => about('P1.1-027', step('used', { as, 'last-byte': [0, 1] }))),
    ];
  },
};
