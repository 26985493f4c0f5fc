import {
  applyFilter,
  type FilterCommand,
  type FilterState,
  initialFilter,
  RX_MODES,
  reception,
} from '../../../specs/model/net/filter.ts';
import { between, chance, type Draw, pick } from '../../draw.ts';
import { about, type DrawnStep, softly, step } from '../../strategy.ts';
import type { View } from '../../view.ts';
import { hex, le32 } from '../bytes.ts';
import { fresh, offers, type Scene, up } from '../scene.ts';
import {
  anyCommand,
  bytesOf,
  commandStep,
  filtered,
  layout,
  multicast,
  newAddress,
  OWN,
  table,
  unicast,
} from './filter-commands.ts';
import { candidates, probes } from './filter-probes.ts';

/** Entries of a table that a device may find too large. */
const LARGE = [64, 65, 66, 100];

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
    if (features.includes('net.CTRL_VLAN') && chance(draw, 30)) {
      // An id that is removed is gone, and takes no other with it.
      const ids = [draw.int(2000), 2000 + draw.int(2000)];
      for (const vlan of ids) carryOut({ vlan, add: true }, false);
      carryOut({ vlan: pick(draw, ids), add: false }, true);
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
