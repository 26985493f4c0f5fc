import { between, chance, type Draw, pick } from '../../draw.ts';
import { about, type DrawnStep, softly, step } from '../../strategy.ts';
import type { View } from '../../view.ts';
import { hex } from '../bytes.ts';
import { fresh, offers, type Scene, up } from '../scene.ts';
import { control, layout, sessionFeatures } from './control-session.ts';

/** Commands of the wrong size, with the wrong values, of features that were not negotiated. */
export const wrongCommands: Scene = {
  name: 'wrong-commands',
  weight: 2,
  breach: true,
  fits: control,
  draw(view, draw) {
    const features = sessionFeatures(view, draw);
    const mac = features.includes('net.MAC');
    const before = fresh(view, 'address');
    const steps = Array.from({ length: between(draw, 1, 3) }, () => wrongCommand(view, draw));
    const kept =
      mac && !steps.some(({ args }) => args.class === 'mac' && args.command === 1 && sixBytes(args.data));
    return [
      up(view, draw, { features, size: 16 }),
      ...(kept ? [step('config', { field: 'mac', save: before })] : []),
      ...steps,
      ...(kept ? [about('P1.1-027p', step('config', { field: 'mac', same: before }))] : []),
      // Whatever the device made of it, traffic must do no harm.
      step('request', { dir: 'in', kick: 'yes' }),
      step('request', { dir: 'out', kick: 'yes' }),
      step('quiet'),
      step('recover'),
    ];
  },
};

/** Six bytes or more may be taken for an address. */
const sixBytes = (data: unknown) => String(data).length >= 12;

function wrongCommand(view: View, draw: Draw): DrawnStep {
  const most = view.facts.values.max_virtqueue_pairs as number;
  const [number, command, most_] = pick(draw, [
    [0, draw.int(6), 4],
    [1, 0, 24],
    [1, 1, 13],
    [2, draw.int(2), 4],
    [3, 0, 2],
    [4, 0, 4],
    [5, 0, 12],
  ] as const);
  const pairs = pick(draw, [0, most + 1, 0x8000, 0xffff]);
  const bytes = Array.from({ length: draw.int(most_ + 1) }, () => pick(draw, [0, 1, 2, 0xff, draw.int(256)]));
  const table = chance(draw, 30) ? [0xab, 0xaa, 0xaa, 0x2a, ...bytes] : [1 + draw.int(3), 0, 0, 0, ...bytes];
  const data =
    number === 4 && chance(draw, 50) ? [pairs, pairs >> 8] : number === 1 && command === 0 ? table : bytes;
  const name = pick(draw, ['rx', 'mac', 'vlan', 'announce', 'mq', 'offloads'].slice(number, number + 1));
  const tables = { unicast: 'multi-0..9', multicast: 'uni-0..9' };
  return step('net-ctrl', {
    class: name,
    command,
    ...(name === 'mac' && command === 0 && chance(draw, 25) ? { 'mac-table': tables } : { data: hex(data) }),
    ...layout(draw),
    ack: 'any',
    breach: 'a wrong command',
  });
}

/** Buffers on the control queue that are no command. */
export const noCommands: Scene = {
  name: 'no-commands',
  weight: 2,
  breach: true,
  fits: control,
  draw(view, draw) {
    const as = fresh(view, 'no-command');
    const bytes = Array.from({ length: draw.int(4) }, () => draw.int(6));
    const huge = chance(draw, 10) ? [{ r: { fill: 17, size: 100_000 } }] : [];
    const readable = [...(bytes.length > 0 ? [{ r: hex(bytes) }] : []), ...huge];
    const room = chance(draw, 30) ? [] : [{ w: pick(draw, [1, 1, 2, 8]) }];
    const first = chance(draw, 15);
    const parts = first ? [...room, ...readable] : [...readable, ...room];
    const whole = bytes.length >= 2 && room[0]?.w === 1 && !first;
    return [
      up(view, draw, { features: sessionFeatures(view, draw), size: 16 }),
      step('submit', {
        queue: 'control',
        as,
        parts: parts.length > 0 ? parts : [{ w: 1 }],
        breach: true,
        kick: 'yes',
      }),
      step('quiet'),
      // Room before the command is a chain in the wrong order: a device may well stop there, and cannot always say so.
      first && room.length > 0 && readable.length > 0
        ? softly('V1.1-2.1.2-D3', step('served-or-needs-reset', { as }))
        : about('P1.1-027', step('served-or-needs-reset', { as })),
      ...(whole
        ? [about('P1.1-027', step('used', { as, 'may-be-missing': true, 'last-byte': [0, 1] }))]
        : []),
      step('recover'),
    ];
  },
};

/** More writable bytes than the ack: it is the first of them, and the others stay as they are. */
export const roomBehindAck: Scene = {
  name: 'room-behind-ack',
  breach: true,
  fits: (facts) => control(facts) && offers(facts, 'net.CTRL_RX'),
  draw(view, draw) {
    const as = fresh(view, 'roomy');
    const room = between(draw, 1, 15);
    const parts = chance(draw, 50) ? [{ w: 1 + room }] : [{ w: 1 }, { w: room }];
    return [
      up(view, draw, { features: ['net.CTRL_VQ', 'net.CTRL_RX'], size: 16 }),
      step('breach', { what: 'more writable bytes than the ack' }),
      step('submit', {
        queue: 'control',
        as,
        parts: [{ r: `000${draw.int(2)}` }, { r: `0${draw.int(2)}` }, ...parts],
        kick: 'yes',
      }),
      step('quiet'),
      about('P1.1-027', step('served-or-needs-reset', { as })),
      softly(
        'P1.1-027',
        step('used', {
          as,
          written: [
            { at: 0, bytes: '00' },
            { at: 1, bytes: { fill: 165, size: room } },
          ],
          'may-be-missing': true,
        }),
      ),
      step('recover'),
    ];
  },
};
