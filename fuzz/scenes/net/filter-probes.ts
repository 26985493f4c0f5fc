import {
  decidedBy,
  type FilterCommand,
  type FilterState,
  idsOf,
  reception,
  wantedOf,
} from '../../../specs/model/net/filter.ts';
import { between, chance, type Draw, pick } from '../../draw.ts';
import { about, type DrawnStep, softly, step } from '../../strategy.ts';
import { hex } from '../bytes.ts';
import { bytesOf, OWN } from './filter-commands.ts';

/** Addresses that tell filters apart: known ones, those beside them, groups of all kinds. */
export function candidates(state: FilterState): string[] {
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
export function probes(draw: Draw, state: FilterState, change: Change): DrawnStep[] {
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
  const known = idsOf(state);
  if ('vlan' in command && chance(draw, 70))
    return !command.add && known.length > 0 && chance(draw, 40) ? pick(draw, known) : command.vlan;
  if (known.length > 0 && chance(draw, 40)) return pick(draw, [...known, 6]);
  return chance(draw, 10) ? between(draw, 0, 4095) : undefined;
}
