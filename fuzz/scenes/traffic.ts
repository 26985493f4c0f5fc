import { between, chance, type Draw, pick, weighted } from '../draw.ts';
import { about, type DrawnStep, softly, step, together } from '../strategy.ts';
import type { View } from '../view.ts';
import { can, fresh, offers, type Scene, up } from './scene.ts';

type Facts = Parameters<Scene['fits']>[0];
type Frame = Record<string, unknown>;

const takes = (facts: Facts) => facts.type === 'net' && facts.peer?.take === true;
const sends = (facts: Facts) => facts.type === 'net' && facts.peer?.send === true;

/** Features that these need before them (section 5.1.3.1). */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  'net.HOST_TSO4': ['net.CSUM'],
  'net.HOST_TSO6': ['net.CSUM'],
  'net.HOST_UFO': ['net.CSUM'],
  'net.HOST_ECN': ['net.CSUM', 'net.HOST_TSO4'],
  'net.GUEST_TSO4': ['net.GUEST_CSUM'],
  'net.GUEST_TSO6': ['net.GUEST_CSUM'],
  'net.GUEST_UFO': ['net.GUEST_CSUM'],
  'net.GUEST_ECN': ['net.GUEST_CSUM', 'net.GUEST_TSO4'],
  'net.RSC_EXT': ['net.CSUM', 'net.HOST_TSO4', 'net.GUEST_CSUM', 'net.GUEST_TSO4'],
};

/** How many of the features a session has: hardly any as often as nearly all. */
const SHARES = [0, 20, 55, 90];

/** A consistent choice of `names`, as far as they are offered. */
function choose(view: View, draw: Draw, names: readonly string[], percent: number): string[] {
  const chosen = names.filter(() => chance(draw, percent)).flatMap((name) => [...(NEEDS[name] ?? []), name]);
  return [...new Set(chosen)].filter((name) => offers(view.facts, name));
}

/** Features of one session: chosen ones in, all others of `names` out. */
const only = (names: readonly string[], features: readonly string[]) => ({
  features,
  without: names.filter((name) => !features.includes(name)),
});

const indirect = (view: View, draw: Draw) => offers(view.facts, 'INDIRECT_DESC') && chance(draw, 20);

/** Descriptors of a buffer of `total` bytes. */
function layout(draw: Draw, total: number): unknown {
  if (chance(draw, 50)) return pick(draw, ['L1', 'L2', 'L3', 'L4', 'L5']);
  return Array.from({ length: between(draw, 1, 3) }, () =>
    pick(draw, [1, 5, 12, 14, 30, 46, 63, 66, total >> 1]),
  ).filter((size) => size > 0);
}

// ── transmission ─────────────────────────────────────────────────────────────────────────────────

const TX = [
  'net.CSUM',
  'net.HOST_TSO4',
  'net.HOST_TSO6',
  'net.HOST_ECN',
  'net.HOST_UFO',
  'net.MRG_RXBUF',
  'net.MTU',
];

/** What is sent, with which header, what arrives, and the requirement about it. */
interface Sent {
  hdr: Record<string, unknown>;
  frame: Frame;
  arrives: Frame;
  /** The device may as well drop it. */
  droppable?: boolean;
  rule: string;
}

/** Largest payload of a packet within the mtu that the device states. */
const room = ({ facts: { values } }: View) => {
  const mtu = values.mtu as number;
  return Math.min(1400, (mtu >= 68 ? mtu : 1500) - 60);
};

function payloadSize(view: View, draw: Draw): number {
  const most = room(view);
  return pick(draw, [0, 1, 17, 64, 99, 100, 101, between(draw, 0, most), between(draw, 0, most), most]);
}

/** A packet that leaves as it is; the header may hold what means nothing without flags. */
function plainPacket(view: View, draw: Draw, features: readonly string[]): Sent {
  const kind = pick(draw, ['t4', 't6', 'u4', 'u6', 'eth'] as const);
  const size = kind === 'eth' ? Math.max(46, payloadSize(view, draw)) : payloadSize(view, draw);
  const frame = { [kind]: size, ...(chance(draw, 25) ? { vlan: between(draw, 0, 4094) } : {}) };
  const places = [0, 1, 6, 14, 16, 0x22, 0x36, 0x99, 0xffff];
  const odd: Record<string, unknown> = chance(draw, 60)
    ? { csum_start: pick(draw, places), csum_offset: pick(draw, places) }
    : {};
  if (kind !== 'eth' && chance(draw, 15)) {
    const bad = { ...frame, sum: 'bad' };
    return { hdr: {}, frame: bad, arrives: bad, droppable: true, rule: 'V1.1-5.1.6.2.2-D2' };
  }
  if (Object.keys(odd).length > 0) return { hdr: odd, frame, arrives: frame, rule: 'V1.1-5.1.6.2.2-D2' };
  if (features.includes('net.CSUM') && chance(draw, 50)) {
    const flags = pick(draw, [0x08, 0x10, 0x20, 0x40, 0x80, 0xf8]);
    return { hdr: { flags }, frame, arrives: frame, rule: 'V1.1-5.1.6.2.2-D1' };
  }
  return { hdr: {}, frame, arrives: frame, rule: 'P1.1-027e' };
}

/** A packet whose checksum the device has to complete. */
function partialPacket(view: View, draw: Draw): Sent {
  const kind = pick(draw, ['t4', 't6', 'u4'] as const);
  const vlan = chance(draw, 25) ? { vlan: between(draw, 0, 4094) } : {};
  const options = kind === 't4' && chance(draw, 20) ? { options: 12 } : {};
  // A sum that comes out as 0 is a case of its own for UDP.
  const end = kind === 'u4' && chance(draw, 20) ? { size: 100, end: '92 68' } : {};
  const { size = payloadSize(view, draw), ...tail } = end as { size?: number; end?: string };
  const frame = { [kind]: size, ...vlan, ...options, ...tail };
  const l4 = (vlan.vlan === undefined ? 14 : 18) + (kind === 't6' ? 40 : 20);
  const hdr = {
    is: kind === 'u4' ? 'HcsumU' : kind === 't6' ? 'Hcsum6' : 'Hcsum4',
    csum_start: l4,
    ...(chance(draw, 30) ? { flags: 1 | pick(draw, [0x08, 0x40, 0x80, 0xf8]) } : {}),
    ...(chance(draw, 30) ? { hdr_len: pick(draw, [0, 1, 20, 54, 150, 1400, 0xffff]) } : {}),
  };
  const rule = hdr.hdr_len !== undefined ? 'V1.1-5.1.6.2.2-D4' : 'P1.1-027f';
  return { hdr, frame: { ...frame, sum: 'pseudo' }, arrives: frame, rule };
}

/** A packet that the device has to cut. */
function superPacket(_: View, draw: Draw, kind: 't4' | 't6' | 'u4', ecn: boolean): Sent {
  const size = pick(draw, [1, 40, 1400, 2800, 3000, between(draw, 1, 4000), between(draw, 1, 4000)]);
  const udp = kind === 'u4';
  const least = Math.max(1, Math.ceil(size / 40));
  const gso = udp
    ? pick(draw, [800, 1480])
    : Math.max(least, pick(draw, [1, 536, 1400, 1401, size, size + 1, between(draw, 1, 1460)]));
  const vlan = !udp && chance(draw, 20) ? { vlan: between(draw, 0, 4094) } : {};
  const options = kind === 't4' && chance(draw, 20) ? { options: 12 } : {};
  const cwr = ecn ? { cwr: true } : {};
  const frame = { [kind]: size, ...vlan, ...options, ...cwr };
  const l4 = (vlan.vlan === undefined ? 14 : 18) + (kind === 't6' ? 40 : 20);
  const headers = l4 + (udp ? 8 : 20 + (options.options ?? 0));
  const hint = chance(draw, 40);
  const hdr = {
    is: udp ? 'Hufo' : kind === 't6' ? 'Htso6' : ecn ? 'Htso4e' : 'Htso4',
    gso_size: gso,
    csum_start: l4,
    hdr_len: hint
      ? pick(draw, [0, 1, 13, headers - 1, headers + 1, 200, 1400, headers + size + 1, 0xffff])
      : headers,
  };
  const rule = hint && !udp ? 'V1.1-5.1.6.2.2-D4' : udp ? 'P1.1-027h' : 'P1.1-027g';
  return { hdr, frame: { ...frame, sum: 'pseudo' }, arrives: { ...frame, gso }, rule };
}

function sent(view: View, draw: Draw, features: readonly string[]): Sent {
  const choices: (readonly [number, () => Sent])[] = [[3, () => plainPacket(view, draw, features)]];
  const when = (name: string, weight: number, choice: () => Sent) =>
    features.includes(name) && choices.push([weight, choice]);
  when('net.CSUM', 4, () => partialPacket(view, draw));
  when('net.HOST_TSO4', 3, () =>
    superPacket(view, draw, 't4', features.includes('net.HOST_ECN') && chance(draw, 50)),
  );
  when('net.HOST_TSO6', 2, () => superPacket(view, draw, 't6', false));
  when('net.HOST_UFO', 2, () => superPacket(view, draw, 'u4', false));
  return weighted(draw, choices)();
}

/** Offloads that the far side may take over, as the driver's features go. */
function accepted(view: View, draw: Draw): string[] {
  if (view.facts.peer?.takeMeta === undefined || view.facts.peer.takeMeta === 'none' || chance(draw, 60))
    return [];
  const segments = view.facts.peer.takeMeta === 'gso' ? ['tso4', 'tso6', 'ecn', 'ufo'] : [];
  return ['csum', ...segments.filter(() => chance(draw, 60))];
}

/** What left in earlier sessions is of no interest. */
const AFRESH = step('peer', { forget: true });

/** Packets of all kinds leave as they should. */
export const transmission: Scene = {
  name: 'transmission',
  weight: 4,
  fits: takes,
  draw(view, draw) {
    const features = choose(view, draw, TX, pick(draw, SHARES));
    const steps = Array.from({ length: between(draw, 1, 4) }, () => {
      const { hdr, frame, arrives, droppable, rule } = sent(view, draw, features);
      const expect = droppable ? { frames: arrives, missing: true } : arrives;
      const lay = indirect(view, draw) ? { indirect: true } : {};
      const tx = step('net-tx', { hdr, frame, lay: layout(draw, 100), ...lay });
      return together(about(rule, tx), about(rule, step('peer', { expect })));
    });
    const ring = indirect(view, draw) ? ['INDIRECT_DESC'] : [];
    const { without } = only(TX, features);
    const packets = ring.length > 0 ? steps : steps.map((pair) => pair.map(direct));
    return [
      step('peer', { accept: accepted(view, draw) }),
      up(view, draw, { features: [...features, ...ring], without, size: 64 }),
      AFRESH,
      ...packets.flat(),
    ];
  },
};

/** The same without an indirect table. */
function direct(drawn: DrawnStep): DrawnStep {
  const { indirect: _, ...args } = drawn.args;
  return { ...drawn, args };
}

/** Many packets at once leave once each, in order, and their buffers are free when they come back. */
export const burstOut: Scene = {
  name: 'burst-out',
  fits: takes,
  draw(view, draw) {
    const most = Math.min(64, view.facts.values.num_max as number);
    const count = chance(draw, 40) ? most : between(draw, 1, 20);
    const overwrite = chance(draw, 50) ? { overwrite: true } : {};
    const frame = { t4: pick(draw, [8, 100, 1000]), marker: 1, count };
    return [
      step('peer', { accept: [] }),
      up(view, draw, { features: choose(view, draw, ['net.MRG_RXBUF', 'IN_ORDER'], 30), size: 64 }),
      AFRESH,
      step('net-tx', { frame, ...overwrite }),
      softly('P1.1-027j', step('peer', { has: frame })),
      about('P1.1-027k', step('peer', { expect: frame })),
    ];
  },
};

/** A far side that takes no frames for a while: what was used is sent as it was. */
export const stalled: Scene = {
  name: 'stalled',
  fits: (facts) => takes(facts) && facts.peer?.stall === true,
  draw(view, draw) {
    const as = fresh(view, 'late');
    const count = between(draw, 1, 8);
    const frame = { t4: pick(draw, [100, 1000]), marker: 101, count };
    return [
      step('peer', { accept: [] }),
      up(view, draw, { size: 64 }),
      AFRESH,
      step('peer', { stall: true }),
      step('net-tx', { frame, as, overwrite: true, done: false }),
      step('peer', { stall: false }),
      about('P1.1-027k', step('peer', { expect: frame })),
      step('done', { as, len: 'any' }),
    ];
  },
};

/** A number of buffers on a packet that is sent: the field is not used, yet a driver leaves it 0. */
export const countOnTransmission: Scene = {
  name: 'count-on-transmission',
  breach: true,
  fits: takes,
  draw(view, draw) {
    const frame = { t4: 100, marker: 2, count: between(draw, 2, 4) };
    return [
      step('peer', { accept: [] }),
      up(view, draw, { features: choose(view, draw, ['net.MRG_RXBUF'], 50), size: 16 }),
      AFRESH,
      step('breach', { what: 'num_buffers set on transmission' }),
      step('net-tx', { hdr: { num_buffers: pick(draw, [1, 2, 7, 0xffff]) }, frame }),
      softly('P1.1-027i', step('peer', { has: frame })),
      about('P1.1-027i', step('peer', { expect: { frames: frame, missing: true } })),
      step('recover'),
    ];
  },
};

// ── reception ────────────────────────────────────────────────────────────────────────────────────

const RX = [
  'net.GUEST_CSUM',
  'net.GUEST_TSO4',
  'net.GUEST_TSO6',
  'net.GUEST_ECN',
  'net.GUEST_UFO',
  'net.MRG_RXBUF',
  'net.RSC_EXT',
];
const CITE = {
  frames: 'P1.1-027m',
  csum_start: 'V1.1-5.1.6.4.1-D13',
  pseudo: 'V1.1-5.1.6.4.1-D12',
  together: 'V1.1-5.1.6.4.1-D4',
  rsc: 'V1.1-5.1.6.4.1-D16',
};

/** A frame of the far side that needs nothing done: it has to arrive as it is. */
function wholeFrame(view: View, draw: Draw): Frame {
  const kind = pick(draw, ['r4', 'r6', 'ru', 'ru6'] as const);
  const size = pick(draw, [8, 100, 101, 190, 1000, between(draw, 8, room(view)), room(view)]);
  return { [kind]: size, ...(chance(draw, 20) ? { vlan: between(draw, 0, 4094) } : {}) };
}

/** A frame that the device may have to work on: checksum left, super-frame, or wrong. */
function hardFrame(view: View, draw: Draw): Frame | string {
  const meta = view.facts.peer?.sendMeta;
  const vlan = chance(draw, 20) ? { vlan: between(draw, 0, 4094) } : {};
  const kind = pick(draw, ['r4', 'r6', 'ru', 'ru6'] as const);
  const wrong = () => ({ [kind]: between(draw, 60, 900), sum: 'bad', ...vlan });
  const partial = () =>
    chance(draw, 25)
      ? { ru: 300, partial: true, ports: [67, 68] }
      : { [kind]: between(draw, 60, 900), partial: true, ...vlan };
  const large = () =>
    pick<Frame | string>(draw, [
      'P4',
      'P4e',
      'P5',
      'P6',
      { is: 'P4', ...vlan },
      { is: 'P4', options: 12 },
      { r4: between(draw, 100, 4000), gso: pick(draw, [536, 1000, 1400]) },
      { r6: between(draw, 100, 4000), gso: pick(draw, [536, 1000, 1400]), cwr: chance(draw, 30) },
    ]);
  const choices: (readonly [number, () => Frame | string])[] = [
    [2, wrong],
    [1, () => 'P7'],
    [1, () => ({ vxlan: { r4: 100, sum: 'bad' }, sum: 'bad' })],
    [1, () => ({ is: 'P1', cwr: true })],
    [1, () => ({ ru: pick(draw, [1473, 1474, 1500, 4000, between(draw, 1400, 7000)]) })],
  ];
  if (meta === 'csum' || meta === 'gso') choices.push([3, partial]);
  if (meta === 'gso') choices.push([5, large]);
  return weighted(draw, choices)();
}

/** Receive buffers of a session: many small ones where packets may be spread, else large ones. */
function buffersFor(draw: Draw, mergeable: boolean, large: boolean): Record<string, unknown> {
  const lay = chance(draw, 30) ? { lay: pick(draw, ['L2', 'L3', 'L5']) } : {};
  if (!mergeable) return { size: large ? 8192 : 2048, count: 6, ...lay };
  const size = pick(draw, [128, 533, 1066, between(draw, 64, 2048), 2048]);
  const bytes = large ? 14_000 : 5000;
  return { size, count: Math.min(40, Math.ceil(bytes / size) + 4), ...lay };
}

/** Frames of all kinds arrive as they should, or not at all where that is allowed. */
export const reception: Scene = {
  name: 'reception',
  weight: 4,
  fits: sends,
  draw(view, draw) {
    const features = choose(view, draw, RX, pick(draw, SHARES));
    const mergeable = features.includes('net.MRG_RXBUF');
    const { without } = only(RX, features);
    const rounds = between(draw, 1, 3);
    let hard = false;
    const steps = Array.from({ length: rounds }, (_, i) => {
      const late = hard;
      hard = chance(draw, 60);
      const marker = 10 * (i + 1);
      const count = hard ? 1 : between(draw, 1, 3);
      const frames = Array.from({ length: count }, (_, k) =>
        hard ? hardFrame(view, draw) : { ...wholeFrame(view, draw), marker: marker + k },
      );
      const expect = {
        frames,
        model: true,
        pseudo: true,
        cite: CITE,
        ...(hard ? { missing: true, loose: true, 'fits-segments': true } : {}),
        ...(can(view.facts, 'track') && mergeable ? { together: true } : {}),
      };
      return [
        // A device may still have frames from before.
        ...(i === 0 || late ? [step('net-rx', { post: { count: 8, size: 2048 } }), step('quiet')] : []),
        step('net-rx', { post: buffersFor(draw, mergeable, hard) }),
        step('net-rx', { forget: true }),
        step('peer', { send: frames }),
        step('net-rx', { expect }),
      ];
    });
    return [up(view, draw, { features, without, size: 256 }), ...steps.flat()];
  },
};

/** A checksum that the far side left open is completed for a driver that did not accept that. */
export const completedChecksum: Scene = {
  name: 'completed-checksum',
  fits: (facts) => sends(facts) && (facts.peer?.sendMeta === 'csum' || facts.peer?.sendMeta === 'gso'),
  draw(view, draw) {
    const features = choose(view, draw, ['net.MRG_RXBUF'], 50);
    const kind = pick(draw, ['r4', 'r6', 'ru'] as const);
    const frame = chance(draw, 30)
      ? { ru: 300, partial: true, ports: [67, 68] }
      : { [kind]: between(draw, 60, 900), partial: true, ...(chance(draw, 20) ? { vlan: 5 } : {}) };
    return [
      up(view, draw, { features, without: RX.filter((name) => !features.includes(name)), size: 64 }),
      step('net-rx', { post: buffersFor(draw, features.length > 0, false) }),
      step('peer', { send: frame }),
      softly('V1.1-5.1.6.4.1-D5b', step('net-rx', { expect: { frames: frame, hdr: { flags: 0 } } })),
    ];
  },
};

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

/** Super-frames whose size is known say how large their segments are, and of how many they are made. */
export const superFrames: Scene = {
  name: 'super-frames',
  fits: (facts) =>
    sends(facts) && facts.peer?.sendMeta === 'gso' && offers(facts, 'net.GUEST_CSUM', 'net.GUEST_TSO4'),
  draw(view, draw) {
    const all = [
      'net.GUEST_TSO4',
      'net.GUEST_TSO6',
      'net.GUEST_UFO',
      ...choose(view, draw, ['net.MRG_RXBUF'], 50),
    ];
    const counted = offers(view.facts, 'net.RSC_EXT') && chance(draw, 50) ? ['net.RSC_EXT'] : [];
    const features = choose(view, draw, [...all, ...counted], 100);
    const mergeable = features.includes('net.MRG_RXBUF');
    const kind = features.includes('net.GUEST_TSO6') ? pick(draw, ['r4', 'r6'] as const) : 'r4';
    const udp = counted.length === 0 && features.includes('net.GUEST_UFO') && chance(draw, 30);
    const [size, gso] = [between(draw, 1500, 4000), pick(draw, [536, 1000, 1400])];
    const frame = udp ? 'P6' : { [kind]: size, gso };
    const segments = { flags: { mask: 4, is: 4 }, csum_start: Math.ceil(size / gso), csum_offset: 0 };
    const expect = { frames: frame, missing: true, loose: true };
    const seen =
      counted.length > 0
        ? about('V1.1-5.1.6.4.1-D16', step('net-rx', { expect: { ...expect, 'gso-hdr': segments } }))
        : softly(
            'V1.1-5.1.6.4.1-D15b',
            step('net-rx', { expect: { ...expect, 'gso-hdr': { gso_size: udp ? 1480 : gso } } }),
          );
    return [
      up(view, draw, { features, without: RX.filter((name) => !features.includes(name)), size: 64 }),
      step('net-rx', { post: mergeable ? { count: 8, size: 2048 } : { count: 4, size: 65562 } }),
      step('peer', { send: { is: 'P1', marker: 1 } }),
      step('net-rx', { has: { is: 'P1', marker: 1 } }),
      step('net-rx', { forget: true }),
      step('peer', { send: frame }),
      seen,
    ];
  },
};

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

/** Frames longer than the mtu that the driver knows of do not reach it; as long as it, they go both ways. */
export const fullSize: Scene = {
  name: 'full-size',
  fits: (facts) =>
    sends(facts) && takes(facts) && offers(facts, 'net.MTU') && (facts.values.mtu as number) <= 9000,
  draw(view, draw) {
    const mtu = view.facts.values.mtu as number;
    const features = [
      'net.MTU',
      ...choose(view, draw, ['net.MRG_RXBUF', 'net.CSUM', 'net.HOST_TSO4', 'net.HOST_ECN'], 50),
    ];
    const mergeable = features.includes('net.MRG_RXBUF');
    const [fits, over] = [between(draw, 0, 2), pick(draw, [1, 2, 4, between(draw, 1, 800)])];
    const whole = { ru: mtu - 28 - fits, marker: 1 };
    const large = { ru: mtu - 28 + over, marker: 2 };
    const out = { u4: mtu - 28 - between(draw, 0, 2) };
    const ecn = features.includes('net.HOST_ECN') && chance(draw, 50);
    const post = mergeable ? { count: 10, size: 1024 } : { count: 4, size: mtu + 1200 };
    return [
      step('peer', { accept: [] }),
      up(view, draw, { features, without: only([...RX, ...TX], features).without, size: 64 }),
      AFRESH,
      step('net-rx', { post }),
      step('peer', { send: whole }),
      about('P1.1-027m', step('net-rx', { expect: { frames: whole } })),
      step('peer', { send: [large, 'F'] }),
      about('V1.1-5.1.4.1-D5', step('net-rx', { none: large })),
      step('net-tx', { hdr: ecn ? { gso_type: 0x80 } : {}, frame: out }),
      about('V1.1-5.1.4.1-D6', step('peer', { expect: out })),
    ];
  },
};
