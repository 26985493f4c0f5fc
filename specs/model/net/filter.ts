/** Receive modes in the order of their command numbers (section 5.1.6.5.1). */
export const RX_MODES = ['promisc', 'allmulti', 'alluni', 'nomulti', 'nouni', 'nobcast'] as const;
export type RxMode = (typeof RX_MODES)[number];

/**
 * What control commands have made of the receive filter. Addresses are twelve lower-case hex digits. A mode that
 * is null has not been set: none is specified for the time after a reset.
 */
export interface FilterState {
  readonly modes: Readonly<Record<RxMode, boolean | null>>;
  /** Own address. */
  readonly mac: string;
  readonly unicast: ReadonlySet<string>;
  readonly multicast: ReadonlySet<string>;
  /** VLAN ids that were added; `unset` before the first command about them, null without CTRL_VLAN. */
  readonly vlans: ReadonlySet<number> | 'unset' | null;
}

/** After a reset. `byVlan`: CTRL_VLAN is in force. */
export const initialFilter = (mac: string, byVlan = false): FilterState => ({
  modes: { promisc: null, allmulti: null, alluni: null, nomulti: null, nouni: null, nobcast: null },
  mac,
  unicast: new Set(),
  multicast: new Set(),
  vlans: byVlan ? 'unset' : null,
});

/** A command of the filter that the device acked with 0. A refused one changes nothing. */
export type FilterCommand =
  | { readonly mode: RxMode; readonly on: boolean }
  | { readonly unicast: readonly string[]; readonly multicast: readonly string[] }
  | { readonly mac: string }
  | { readonly vlan: number; readonly add: boolean };

export function applyFilter(state: FilterState, command: FilterCommand): FilterState {
  if ('mode' in command) return { ...state, modes: { ...state.modes, [command.mode]: command.on } };
  if ('unicast' in command)
    return { ...state, unicast: new Set(command.unicast), multicast: new Set(command.multicast) };
  if ('mac' in command) return { ...state, mac: command.mac };
  const vlans = new Set(idsOf(state));
  if (command.add) vlans.add(command.vlan);
  else vlans.delete(command.vlan);
  return { ...state, vlans };
}

/** VLAN ids that were added. */
export const idsOf = ({ vlans }: FilterState): readonly number[] =>
  vlans === null || vlans === 'unset' ? [] : [...vlans];

/** Whether a frame may or has to be received, and the requirement that decides it. */
export interface Reception {
  /** The allowed outcomes. */
  readonly received: readonly boolean[];
  readonly requirement: string;
  /** One of them is the better one, although no sentence demands it. */
  readonly better?: boolean;
}

const open = (requirement: string): Reception => ({ received: [true, false], requirement });
const must = (requirement: string): Reception => ({ received: [true], requirement });
const never = (requirement: string): Reception => ({ received: [false], requirement });

const BROADCAST = 'ffffffffffff';
const isGroup = (mac: string) => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;

/** What becomes of a frame to `to`, tagged with `vlan` or not (sections 5.1.6.5.1 to 5.1.6.5.3). */
export function reception(state: FilterState, to: string, vlan?: number): Reception {
  const { promisc } = state.modes;
  // PROMISC over VLAN ids is nowhere specified.
  const filtered = vlan !== undefined && state.vlans !== null;
  if (promisc === true && !filtered) return must(promiscRule(state));
  if (promisc !== false) return open('V1.1-5.1.6.5.1.1-D2');
  const plain = byAddress(state, to);
  if (!filtered || plain.received.includes(false)) return plain;
  const ids = idsOf(state);
  if (ids.includes(vlan)) return must('P1.1-027r');
  // Before the first command, and with nothing left, all or none may be let in.
  return ids.length === 0 ? open('P1.1-027r') : { ...open('P1.1-027r'), better: false };
}

/** The outcome that is wanted, allowed alone or the better one; undefined: both will do. */
export const wantedOf = ({ received, better }: Reception): boolean | undefined =>
  received.length === 1 ? received[0] : better;

/**
 * The requirement of `command`, if it is what decides about a frame to `to`: with it the outcome is another one
 * than without. A mode decides by what it does while it is on.
 */
export function decidedBy(
  before: FilterState,
  command: FilterCommand,
  to: string,
  vlan?: number,
): string | undefined {
  const was = reception(before, to, vlan);
  const is = reception(applyFilter(before, command), to, vlan);
  if (wantedOf(was) === undefined || wantedOf(is) === undefined || wantedOf(was) === wantedOf(is))
    return undefined;
  if ('mode' in command) return command.on ? is.requirement : was.requirement;
  if ('unicast' in command) return 'P1.1-027q';
  return 'mac' in command ? 'P1.1-027p' : 'P1.1-027r';
}

/** PROMISC alone, or over another mode that would decide otherwise. */
const promiscRule = ({ modes: { allmulti, nomulti, nouni, nobcast } }: FilterState): string =>
  allmulti || nomulti || nouni || nobcast ? 'V1.1-5.1.6.5.1.1-D3' : 'V1.1-5.1.6.5.1.1-D2';

function byAddress({ modes, mac, unicast, multicast }: FilterState, to: string): Reception {
  const { allmulti, alluni, nomulti, nouni, nobcast } = modes;
  if (to === BROADCAST) {
    if (nobcast === true) return never(allmulti ? 'V1.1-5.1.6.5.1.1-D13' : 'V1.1-5.1.6.5.1.1-D12');
    return must('V1.1-5.1.6.5.1.1-D9');
  }
  if (isGroup(to)) {
    if (nomulti === true) return never(allmulti ? 'V1.1-5.1.6.5.1.1-D8' : 'V1.1-5.1.6.5.1.1-D7');
    if (allmulti === true) return must('V1.1-5.1.6.5.1.1-D4');
    if (multicast.has(to)) return must('V1.1-5.1.6.5.2.1-D2');
    return allmulti === null ? open('V1.1-5.1.6.5.1.1-D4') : never('V1.1-5.1.6.5.2.1-D4');
  }
  if (nouni === true) return never(alluni ? 'V1.1-5.1.6.5.1.1-D11' : 'V1.1-5.1.6.5.1.1-D10');
  if (alluni === true) return must('V1.1-5.1.6.5.1.1-D6');
  if (to === mac) return must('P1.1-027p');
  if (unicast.has(to)) return must('V1.1-5.1.6.5.2.1-D2');
  return alluni === null ? open('V1.1-5.1.6.5.1.1-D6') : never('V1.1-5.1.6.5.2.1-D4');
}
