import { between, chance, type Draw, pick } from '../draw.ts';
import { about, type DrawnStep, softly, step } from '../strategy.ts';
import type { View } from '../view.ts';
import { fresh, offers, type Scene, up } from './scene.ts';

type Facts = Parameters<Scene['fits']>[0];

const hex = (bytes: readonly number[]) =>
  bytes.map((byte) => (byte & 0xff).toString(16).padStart(2, '0')).join('');
const control = (facts: Facts) => facts.type === 'net' && offers(facts, 'net.CTRL_VQ');

/** Features with commands of their own. */
const COMMANDS = [
  'net.CTRL_RX',
  'net.CTRL_RX_EXTRA',
  'net.CTRL_MAC_ADDR',
  'net.CTRL_VLAN',
  'net.MQ',
  'net.GUEST_ANNOUNCE',
];
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  'net.CTRL_RX_EXTRA': ['net.CTRL_RX'],
  'net.CTRL_MAC_ADDR': ['net.MAC'],
  'net.GUEST_ANNOUNCE': ['net.STATUS'],
};

/** Features of a session with a control queue: always consistent. */
function sessionFeatures(view: View, draw: Draw): string[] {
  const chosen = COMMANDS.filter((name) => offers(view.facts, name) && chance(draw, 70));
  const all = ['net.CTRL_VQ', 'net.MAC', ...chosen.flatMap((name) => [name, ...(NEEDS[name] ?? [])])];
  return [...new Set(all)].filter((name) => offers(view.facts, name));
}

/** A layout that the ring can hold. */
const layout = (draw: Draw) =>
  pick(draw, [{ lay: 'C1' }, { lay: 'C2' }, { lay: 'C3' }, { cut: [1, 1, 2, 1] }]);

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

/** Offload headers that make no sense, in front of a packet. */
export const senselessHeader: Scene = {
  name: 'senseless-header',
  weight: 2,
  breach: true,
  fits: (facts) => facts.type === 'net' && facts.peer?.take === true,
  draw(view, draw) {
    const all = ['net.CSUM', 'net.HOST_TSO4'].filter((name) => offers(view.facts, name));
    const features = all.slice(0, chance(draw, 70) ? 2 : draw.int(2));
    const place = () => pick(draw, [0, 14, 34, 16, 54, 0x7fff, 0xffff]);
    const hdr = {
      is: features.length === 2 ? 'Htso4' : 'H0',
      ...(chance(draw, 50) ? { flags: pick(draw, [0, 1, 2, 4, 0xff]) } : {}),
      ...(chance(draw, 60) ? { gso_type: pick(draw, [0, 1, 3, 4, 5, 0x7f, 0x81]) } : {}),
      ...(chance(draw, 60) ? { gso_size: pick(draw, [0, 1, 1400, 0xffff]) } : {}),
      ...(chance(draw, 40) ? { csum_start: place(), csum_offset: place() } : {}),
      ...(chance(draw, 30) ? { hdr_len: place() } : {}),
    };
    const lay = chance(draw, 25) ? { lay: Array.from({ length: between(draw, 17, 60) }, () => 1) } : {};
    const kind = pick(draw, ['t4', 't4', 't6', 'u4', 'eth'] as const);
    const frame = kind === 'eth' ? { eth: 3000 } : { [kind]: pick(draw, [0, 100, 3000]), sum: 'pseudo' };
    return [
      step('peer', { accept: [] }),
      up(view, draw, { features, size: 64 }),
      step('peer', { forget: true }),
      step('net-tx', { hdr, frame, ...lay, breach: 'a header that makes no sense' }),
      about('INV-PACKETS', step('peer', { 'made-of': { frames: frame } })),
      step('recover'),
    ];
  },
};

/** Packets that end within the header or the Ethernet header, behind a whole one. */
export const shortPacket: Scene = {
  name: 'short-packet',
  breach: true,
  fits: (facts) => facts.type === 'net' && facts.peer?.take === true,
  draw(view, draw) {
    const length = pick(draw, [1, 11, 12, 13, 14, 24, 25, 26, between(draw, 1, 26)]);
    const needs = length > 0 && chance(draw, 30) ? 1 : 0;
    const bytes = Array.from({ length }, (_, i) => (i === 0 ? needs : i < 12 ? 0 : 0xa0 + i));
    const whole = { t4: 100 };
    return [
      step('peer', { accept: [] }),
      up(view, draw, {
        features: needs === 1 && offers(view.facts, 'net.CSUM') ? ['net.CSUM'] : [],
        size: 16,
      }),
      step('peer', { forget: true }),
      step('net-tx', { frame: whole }),
      about('P1.1-027e', step('peer', { expect: whole })),
      step('net-tx', {
        hdr: hex(bytes),
        frame: { raw: '' },
        lay: pick(draw, [[], [1], [4, 4, 4]]),
        breach: 'a packet that is too short',
      }),
      about(
        'INV-PACKETS',
        step('peer', { 'made-of': { frames: { raw: hex(bytes.slice(12)) }, count: { max: 1 } } }),
      ),
      step('recover'),
    ];
  },
};

/** A frame on the transmit queue of a pair that is not in use. */
export const unusedPair: Scene = {
  name: 'unused-pair',
  breach: true,
  fits: (facts) =>
    control(facts) && offers(facts, 'net.MQ') && (facts.values.max_virtqueue_pairs as number) > 1,
  draw: (view, draw) => [
    up(view, draw, { features: ['net.CTRL_VQ', 'net.MQ'] }),
    step('net-tx', { queue: 3, frame: { t4: 100 }, done: false, breach: 'a queue that is not in use' }),
    step('quiet'),
    step('recover'),
  ],
};

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
