import { NET_F } from '../../virtio-1.1/features.ts';

/** A command on the control virtqueue (section 5.1.6.5). */
export interface ControlCommand {
  readonly class: number;
  readonly command: number;
  /** Bytes behind class and command. */
  readonly data: ArrayLike<number>;
}

/** What the outcome of a command depends on. */
export interface ControlState {
  /** Features in force. */
  readonly features: bigint;
  /** `max_virtqueue_pairs` (section 5.1.4). */
  readonly maxPairs: number;
}

/** Acks: 0 for success, 1 for failure; nothing else has a meaning (P1.1-027). */
export type Ack = 0 | 1;

/** The acks that a right device may give to a command, and the requirement that decides it. */
export interface Acks {
  readonly acks: readonly Ack[];
  readonly requirement: string;
  /** One of them is the better one, although no sentence demands it. */
  readonly better?: Ack;
}

/** Bytes that the device writes for a command: the ack. A used length above it counts what was read. */
export const ACK_BYTES = 1;

const CLASS = { RX: 0, MAC: 1, VLAN: 2, ANNOUNCE: 3, MQ: 4, OFFLOADS: 5 } as const;
/** Table entries up to which a device does not run out of room; above it a refusal is no fault. */
const SURELY_HELD = 63;

const success = (requirement: string): Acks => ({ acks: [0], requirement });
const EITHER: Acks = { acks: [0, 1], requirement: 'P1.1-027' };
const UNKNOWN: Acks = { ...EITHER, better: 1 };

/** What a device may answer: each rule names its requirement; the wrong size or value leaves both open. */
export function allowedAcks({ class: kind, command, data }: ControlCommand, state: ControlState): Acks {
  const has = (feature: bigint) => (state.features & feature) !== 0n;
  switch (kind) {
    case CLASS.RX:
      return command > 5 ? UNKNOWN : mode(command, data, has);
    case CLASS.MAC:
      return mac(command, data, has);
    case CLASS.VLAN:
      if (command > 1) return UNKNOWN;
      return has(NET_F.CTRL_VLAN) && data.length === 2 && word(data, 0) <= 4095
        ? success('P1.1-027r')
        : EITHER;
    case CLASS.ANNOUNCE:
      // Nothing may be pending, and then an error is as good.
      return command > 0 ? UNKNOWN : EITHER;
    case CLASS.MQ: {
      if (command > 0) return UNKNOWN;
      const pairs = data.length === 2 ? word(data, 0) : 0;
      return has(NET_F.MQ) && pairs >= 1 && pairs <= state.maxPairs ? success('P1.1-027t') : EITHER;
    }
    case CLASS.OFFLOADS:
      return command > 0 ? UNKNOWN : offloads(data, state.features);
    default:
      return UNKNOWN;
  }
}

const word = (data: ArrayLike<number>, at: number) => data[at] | (data[at + 1] << 8);

/** Commands of the RX class: one byte, 0 or 1. */
function mode(command: number, data: ArrayLike<number>, has: (feature: bigint) => boolean): Acks {
  if (data.length !== 1 || data[0] > 1) return EITHER;
  if (command < 2) return has(NET_F.CTRL_RX) ? success(`V1.1-5.1.6.5.1.1-D1.${command + 1}`) : EITHER;
  return has(NET_F.CTRL_RX_EXTRA) ? success(`V1.1-5.1.6.5.1.1-D5.${command - 1}`) : EITHER;
}

function mac(command: number, data: ArrayLike<number>, has: (feature: bigint) => boolean): Acks {
  if (command > 1) return UNKNOWN;
  if (command === 1)
    return has(NET_F.CTRL_MAC_ADDR) && has(NET_F.CTRL_RX) && data.length === 6 && (data[0] & 1) === 0
      ? success('V1.1-5.1.6.5.2.1-D3')
      : EITHER;
  if (!has(NET_F.CTRL_RX) || data.length < 8) return EITHER;
  const unicast = word(data, 0) + word(data, 2) * 0x1_0000;
  const second = 4 + 6 * unicast;
  if (second + 4 > data.length) return EITHER;
  const multicast = word(data, second) + word(data, second + 2) * 0x1_0000;
  const whole = second + 4 + 6 * multicast === data.length;
  return whole && unicast <= SURELY_HELD && multicast <= SURELY_HELD ? success('P1.1-027q') : EITHER;
}

/** Offloads by their feature bits. */
const OFFLOADS = NET_F.GUEST_CSUM | NET_F.GUEST_TSO4 | NET_F.GUEST_TSO6 | NET_F.GUEST_ECN | NET_F.GUEST_UFO;

function offloads(data: ArrayLike<number>, features: bigint): Acks {
  if ((features & NET_F.CTRL_GUEST_OFFLOADS) === 0n || data.length !== 8) return EITHER;
  let wanted = 0n;
  for (let i = 7; i >= 0; i--) wanted = (wanted << 8n) | BigInt(data[i]);
  return (wanted & ~(features & OFFLOADS)) === 0n ? success('P1.1-027v') : EITHER;
}
