import {
  applyFilter,
  decidedBy,
  type FilterCommand,
  type FilterState,
  idsOf,
  initialFilter,
  RX_MODES,
  type RxMode,
  reception,
  wantedOf,
} from '../../specs/model/net/filter.ts';
import { between, chance, type Draw, pick } from '../draw.ts';
import { about, type DrawnStep, softly, step } from '../strategy.ts';
import type { View } from '../view.ts';
import { fresh, offers, type Scene, up } from './scene.ts';

type Facts = Parameters<Scene['fits']>[0];

const filtered = (facts: Facts) =>
  facts.type === 'net' && facts.peer?.send === true && offers(facts, 'net.CTRL_VQ', 'net.CTRL_RX', 'net.MAC');

const hex = (bytes: readonly number[]) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
const le32 = (n: number) => [n & 0xff, (n >> 8) & 0xff, (n >> 16) & 0xff, n >>> 24];
/** Addresses by number; neighbours differ in the last byte, or in the one before it. */
const unicast = (n: number) => `0201000100${n.toString(16).padStart(2, '0')}`;
const multicast = (n: number) => `01005e0100${n.toString(16).padStart(2, '0')}`;
const addresses = (draw: Draw, of: (n: number) => string) => {
  const first = draw.int(200);
  return Array.from({ length: pick(draw, [0, 1, 1, 2, 3, 9]) }, (_, i) => of(first + i));
};
/** Entries of a table that a device may find too large. */
const LARGE = [64, 65, 66, 100];

/** The own address of a session, whatever it is: `dev` for the steps. */
const OWN = 'dev';

const bytesOf = (mac: string) => mac.match(/../g)!.map((byte) => Number.parseInt(byte, 16));
const table = (macs: readonly string[]) => [...le32(macs.length), ...macs.flatMap(bytesOf)];

/** How a command is cut into descriptors. */
const layout = (draw: Draw) =>
  pick<Record<string, unknown>>(draw, [
    { lay: 'C1' },
    { lay: 'C2' },
    { lay: 'C3' },
    { cut: [2, 4] },
    { cut: [1, 1, 1, 3, 6] },
  ]);

/** A command of the filter as a step; it is right, so the model has the device carry it out. */
function commandStep(draw: Draw, command: FilterCommand): DrawnStep {
  const send = (kind: string, number: number, data: readonly number[]) =>
    step('net-ctrl', { class: kind, command: number, data: hex(data), ack: 'model', ...layout(draw) });
  if ('mode' in command) return send('rx', RX_MODES.indexOf(command.mode), [command.on ? 1 : 0]);
  if ('unicast' in command) return send('mac', 0, [...table(command.unicast), ...table(command.multicast)]);
  if ('mac' in command) return send('mac', 1, bytesOf(command.mac));
  return send('vlan', command.add ? 0 : 1, [command.vlan & 0xff, command.vlan >> 8]);
}

const newAddress = (draw: Draw): FilterCommand => ({
  mac: hex([2, 0, draw.int(2), draw.int(256), 0, 0x80 + draw.int(100)]),
});

function anyCommand(draw: Draw, features: readonly string[], state: FilterState): FilterCommand {
  const modes = RX_MODES.slice(0, features.includes('net.CTRL_RX_EXTRA') ? 6 : 2);
  const kinds = ['mode', 'mode', 'table'];
  if (modes.length > 2) kinds.push('mode', 'mode', 'mode');
  if (features.includes('net.CTRL_MAC_ADDR')) kinds.push('mac');
  if (features.includes('net.CTRL_VLAN')) kinds.push('vlan', 'vlan');
  switch (pick(draw, kinds)) {
    case 'mode':
      return anyMode(draw, modes, state);
    case 'table':
      return { unicast: addresses(draw, unicast), multicast: addresses(draw, multicast) };
    case 'mac':
      return newAddress(draw);
    default: {
      const known = idsOf(state);
      const vlan =
        known.length > 0 && chance(draw, 50)
          ? pick(draw, known)
          : pick(draw, [0, 1, 5, 255, 256, 1280, 4095]);
      return { vlan, add: chance(draw, 70) };
    }
  }
}

/** Any mode; one that is on is often switched off again, or meets the one that contradicts it. */
function anyMode(draw: Draw, modes: readonly RxMode[], state: FilterState): FilterCommand {
  const active = modes.filter((mode) => state.modes[mode] === true);
  if (active.length > 0 && chance(draw, 60)) {
    const mode = pick(draw, active);
    const against = OPPOSITES[mode].filter((one) => modes.includes(one));
    return against.length > 0 && chance(draw, 50)
      ? { mode: pick(draw, against), on: true }
      : { mode, on: false };
  }
  return { mode: pick(draw, modes), on: chance(draw, 75) };
}

/** Modes that decide about the same frames. */
const OPPOSITES: Readonly<Record<RxMode, readonly RxMode[]>> = {
  promisc: RX_MODES.slice(1),
  allmulti: ['nomulti', 'nobcast', 'promisc'],
  alluni: ['nouni', 'promisc'],
  nomulti: ['allmulti', 'promisc'],
  nouni: ['alluni', 'promisc'],
  nobcast: ['allmulti', 'promisc'],
};

/** Addresses that tell filters apart: known ones, those beside them, groups of all kinds. */
function candidates(state: FilterState): string[] {
  const flip = (mac: string, at: number) => hex(bytesOf(mac).map((byte, i) => (i === at ? byte ^ 1 : byte)));
  const listed = [...state.unicast, ...state.multicast];
  const own = state.mac === OWN ? [OWN] : [state.mac, flip(state.mac, 5), flip(state.mac, 4)];
  return [
    ...own,
    ...listed,
    ...listed.flatMap((mac) => [flip(mac, 5), flip(mac, 4)]),
    '020000000077',
    '01005e0000fb',
    '333300000001',
    '0180c200000e',
    'ffffffffffff',
  ];
}

/** A command that was just carried out, and the filter before it. */
interface Change {
  before: FilterState;
  command: FilterCommand;
  /** Name of the command when the device may refuse it. */
  as?: string;
}

/** Frames of one look that share an outcome and a requirement. */
interface Group {
  to: string[];
  received: boolean;
  soft: boolean;
  requirement: string;
}

/** Addresses in one look at most. */
const MOST_PROBES = 14;

/** What the model says of some addresses, checked with frames: those about which `change` decides come first. */
function probes(draw: Draw, state: FilterState, change: Change): DrawnStep[] {
  const vlan = anyVlan(draw, state, change);
  // What has to get through closes each look.
  const fence = [OWN, 'ffffffffffff', '01005e0000fb', '020000000077'].find((mac) => {
    const { received } = reception(state, mac === OWN ? state.mac : mac);
    return !received.includes(false);
  });
  if (fence === undefined) return [];
  const own = (mac: string) => (mac === OWN ? state.mac : mac);
  const decided = (mac: string) => decidedBy(change.before, change.command, own(mac), vlan);
  const all = [...new Set([...candidates(state), ...candidates(change.before).filter((mac) => mac !== OWN)])];
  const telling = all.filter((mac) => decided(mac) !== undefined);
  const others = all.filter((mac) => !telling.includes(mac) && chance(draw, 50));
  const groups = new Map<string, Group>();
  for (const to of [...telling.slice(-MOST_PROBES / 2), ...others].slice(0, MOST_PROBES)) {
    const found = reception(state, own(to), vlan);
    const received = wantedOf(found);
    if (received === undefined) continue;
    // The rule of the command and the rule for the frame both say so.
    const requirement = pick(draw, [found.requirement, decided(to) ?? found.requirement]);
    const soft = !received || found.received.length > 1;
    const key = `${received} ${soft} ${requirement}`;
    const group = groups.get(key) ?? { to: [], received, soft, requirement };
    group.to.push(to);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ to, received, soft, requirement }) => {
    const probe = step('net-probe', {
      to,
      received,
      fence,
      ...(vlan === undefined ? {} : { vlan }),
      ...(change.as === undefined ? {} : { 'if-acked': change.as }),
    });
    return soft ? softly(requirement, probe) : about(requirement, probe);
  });
}

/** A VLAN id to look with, most often one that commands were about; undefined: none. */
function anyVlan(draw: Draw, state: FilterState, { command }: Change): number | undefined {
  if ('vlan' in command && chance(draw, 60)) return command.vlan;
  if (idsOf(state).length > 0 && chance(draw, 40)) return pick(draw, [...idsOf(state), 6]);
  return chance(draw, 10) ? between(draw, 0, 4095) : undefined;
}

/** Features of a session with a filter. */
function sessionFeatures(view: View, draw: Draw): string[] {
  const more = ['net.CTRL_RX_EXTRA', 'net.CTRL_MAC_ADDR', 'net.CTRL_VLAN'].filter(() => chance(draw, 65));
  return ['net.CTRL_VQ', 'net.CTRL_RX', 'net.MAC', ...more].filter((name) => offers(view.facts, name));
}

/** A session begins: all modes are switched off, as none is specified before. */
function begin(view: View, draw: Draw, features: readonly string[]): [DrawnStep[], FilterState] {
  const without = ['net.CTRL_RX_EXTRA', 'net.CTRL_MAC_ADDR', 'net.CTRL_VLAN'].filter(
    (name) => !features.includes(name),
  );
  let state = initialFilter(OWN, features.includes('net.CTRL_VLAN'));
  const modes = features.includes('net.CTRL_RX_EXTRA') ? RX_MODES : RX_MODES.slice(0, 2);
  for (const mode of modes) state = applyFilter(state, { mode, on: false });
  if (modes.length < RX_MODES.length) {
    // The driver has no way to set the others, and they have no meaning for it.
    for (const mode of RX_MODES.slice(2)) state = applyFilter(state, { mode, on: false });
  }
  return [[up(view, draw, { features, without, size: 16 }), step('net-quiet-filter')], state];
}

/** Any right commands, and after each what the filter lets through. */
export const filterCommands: Scene = {
  name: 'filter-commands',
  weight: 6,
  fits: filtered,
  draw(view, draw) {
    const features = sessionFeatures(view, draw);
    let [steps, state] = begin(view, draw, features);
    const carryOut = (command: FilterCommand, look: boolean, as?: string) => {
      const change = { before: state, command, ...(as === undefined ? {} : { as }) };
      const drawn = commandStep(draw, command);
      steps.push(as === undefined ? drawn : { ...drawn, args: { ...drawn.args, as } });
      state = applyFilter(state, command);
      if (look) steps.push(...probes(draw, state, change));
    };
    if (features.includes('net.CTRL_MAC_ADDR') && chance(draw, 30)) carryOut(newAddress(draw), false);
    if (chance(draw, 40)) {
      const n = draw.int(200);
      carryOut({ unicast: [unicast(n)], multicast: [multicast(n)] }, false);
    }
    if (chance(draw, 40)) {
      // A mode that was on for a while leaves no trace.
      const mode = pick(draw, RX_MODES.slice(0, features.includes('net.CTRL_RX_EXTRA') ? 6 : 2));
      carryOut({ mode, on: true }, chance(draw, 30));
      carryOut({ mode, on: false }, true);
    }
    for (let n = between(draw, 1, 3); n > 0; n--)
      carryOut(anyCommand(draw, features, state), n === 1 || chance(draw, 50));
    if (chance(draw, 8)) {
      const [first, large] = [draw.int(100), pick(draw, LARGE)];
      const entries = (of: (n: number) => string, count: number) =>
        Array.from({ length: count }, (_, i) => of(first + i));
      const groups = chance(draw, 50);
      const unicasts = entries(unicast, groups ? 1 : large);
      carryOut(
        { unicast: unicasts, multicast: entries(multicast, groups ? large : 1) },
        true,
        fresh(view, 'large'),
      );
    }
    // Whatever was set is gone in the next session.
    if (chance(draw, 35)) {
      const before = candidates(state).filter((mac) => mac !== OWN && mac !== state.mac);
      const [again, empty] = begin(view, draw, features);
      const gone = [
        ...new Set([pick(draw, before), pick(draw, before), ...state.unicast, ...state.multicast]),
      ].slice(0, 4);
      for (const to of gone) {
        const { received, requirement } = reception(empty, to);
        const rule = state.unicast.has(to) || state.multicast.has(to) ? 'V1.1-5.1.6.5.2.1-D1' : requirement;
        const probe = step('net-probe', { to, received: received[0] });
        if (received.length === 1) again.push(received[0] ? about(requirement, probe) : softly(rule, probe));
      }
      steps = [...steps, ...again];
    }
    return steps;
  },
};

/** Tables that are not what their counts say: refused as a whole, or carried out as a whole. */
export const malformedTables: Scene = {
  name: 'malformed-tables',
  weight: 2,
  breach: true,
  fits: filtered,
  draw(view, draw) {
    const as = `bad${view.serial++}`;
    const [kept, other] = [unicast(draw.int(50)), unicast(60 + draw.int(50))];
    const group = multicast(draw.int(50));
    const whole = [...table([other]), ...table([group])];
    const data = pick(draw, [
      whole.slice(0, draw.int(whole.length)),
      whole.slice(0, between(draw, 10, 17)),
      [...table([other]), ...le32(pick(draw, [2, 0xffff, 0x2aaaaaab, 0xffffffff])), ...bytesOf(group)],
      [...le32(pick(draw, [2, 3, 0x2aaaaaab, 0xffffffff])), ...bytesOf(other), ...table([])],
      [...whole, 1, 2, 3],
    ]);
    const before: FilterCommand = { unicast: [kept], multicast: [group] };
    const [steps, empty] = begin(view, draw, ['net.CTRL_VQ', 'net.CTRL_RX', 'net.MAC']);
    const state = applyFilter(empty, before);
    const bad = step('net-ctrl', {
      class: 'mac',
      command: 0,
      data: hex(data),
      ...layout(draw),
      ack: 'any',
      as,
      breach: 'a table that is not what its counts say',
    });
    const probe = (to: string) => {
      const { received, requirement } = reception(state, to);
      const seen = step('net-probe', { to, received: received[0], 'if-refused': as, breached: true });
      return received[0] ? about(to === kept ? 'P1.1-027q' : requirement, seen) : softly(requirement, seen);
    };
    return [
      ...steps,
      commandStep(draw, before),
      about('P1.1-027', bad),
      probe(kept),
      probe(group),
      probe(OWN),
      step('recover'),
    ];
  },
};
