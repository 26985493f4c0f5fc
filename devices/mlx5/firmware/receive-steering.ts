import { word } from '../../simulator/net/checksum.ts';
import { ETH_HEADER, ETHERTYPE_VLAN } from '../../simulator/net/frame.ts';
import { macKey, RxFilter } from '../../simulator/net/rx-filter.ts';
import { Steering } from '../../simulator/net/steering.ts';
import type { Firmware } from './firmware.ts';
import type { FlowRule, ReceiveInterface } from './steering.ts';
import { tcp4Tuple, toeplitz } from './toeplitz.ts';

const LOW = 2 ** 32;

/** Where a frame goes: the switch knows its address, and a rule leads to a receive interface. */
export function receiveInterfaceFor(firmware: Firmware, frame: Uint8Array): ReceiveInterface | null {
  const dmac = macKey(frame);
  if ((frame[0] & 1) === 0 && ![...firmware.l2Table.values()].includes(dmac)) return null;
  const tagged = frame.length >= ETH_HEADER + 4 && word(frame, 12) === ETHERTYPE_VLAN ? 1 : 0;
  const vid = tagged === 1 ? word(frame, 14) & 0x0fff : 0;
  let best: FlowRule | null = null;
  for (const table of firmware.flowTables.values())
    for (const rule of table.rules.values())
      if ((best === null || rule.id < best.id) && matches(rule, dmac, vid, tagged)) best = rule;
  return best?.target ?? null;
}

function matches({ mask, value }: FlowRule, dmac: number, vid: number, tagged: number): boolean {
  return (
    and48(dmac, mask.dmac) === value.dmac &&
    (vid & mask.vid) === value.vid &&
    (tagged & mask.tagged) === value.tagged
  );
}

function and48(a: number, b: number): number {
  return (Math.floor(a / LOW) & Math.floor(b / LOW)) * LOW + (((a | 0) & (b | 0)) >>> 0);
}

/** Which frames are taken in: those that a flow rule matches. */
export class RuleFilter extends RxFilter {
  readonly #firmware: () => Firmware;
  constructor(firmware: () => Firmware) {
    super();
    this.#firmware = firmware;
  }
  override accepts(frame: Uint8Array, _length: number): boolean {
    return receiveInterfaceFor(this.#firmware(), frame) !== null;
  }
}

/** Which queue pair a frame arrives on: a hash picks an entry of the receive queue table. */
export class HashSteering extends Steering {
  readonly #firmware: () => Firmware;
  constructor(firmware: () => Firmware) {
    super();
    this.#firmware = firmware;
  }
  override learn(): void {}
  override pairFor(frame: Uint8Array, _length: number): number {
    const target = receiveInterfaceFor(this.#firmware(), frame);
    if (target === null) return 0;
    const { queues } = target.table;
    const tuple = target.hashesTcp4 ? tcp4Tuple(frame, target.symmetric) : null;
    const entry = tuple === null ? 0 : toeplitz(target.key, tuple) & (queues.length - 1);
    return queues[entry].index >> 1;
  }
}
