import type { PciAccess } from '../../../framework/transport/access.ts';
import { offsetsOf } from './registers.ts';
import { ProbeError } from './transport-device.ts';

/** Kinds of virtio structures (section 4.1.4). */
export const CFG_TYPE = { COMMON: 1, NOTIFY: 2, ISR: 3, DEVICE: 4, PCI: 5 } as const;

const CAP = offsetsOf('pci-cap');
const CAPABILITY_LIST = 0x34;
const STATUS_REGISTER = 0x06;
const HAS_LIST = 1 << 4;
const VENDOR = 0x09;
const MSIX = 0x11;
/** Capabilities of 4 bytes at least fit this often into what the header leaves. */
const MOST = 48;

/** Where a virtio structure lies. */
export interface Structure {
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
}

/** What the capability list of a function led to. */
export interface Structures {
  readonly common: Structure;
  readonly notify: Structure & { readonly multiplier: number };
  readonly isr: Structure | null;
  readonly device: Structure | null;
  /** Configuration space offset of the window capability. */
  readonly window: number | null;
  /** Configuration space offset of the MSI-X capability. */
  readonly msix: number | null;
}

/**
 * Find the structures of a virtio function: of each kind the first that this driver can use, as a driver is
 * told to (4.1.4.1). A structure that is misplaced is passed over.
 *
 * @throws ProbeError when there is no common configuration or no notification structure
 */
export function findStructures(access: PciAccess): Structures {
  const found = new Map<number, Structure & { readonly at: number }>();
  let msix: number | null = null;
  for (const at of capabilityOffsets(access)) {
    const id = access.readConfig(at, 1);
    if (id === MSIX) msix ??= at;
    if (id !== VENDOR) continue;
    const type = access.readConfig(at + CAP.cfg_type, 1);
    const structure = {
      at,
      bar: access.readConfig(at + CAP.bar, 1),
      offset: access.readConfig(at + CAP.offset, 4),
      length: access.readConfig(at + CAP.length, 4),
    };
    if (!found.has(type) && (type === CFG_TYPE.PCI || usable(access, type, structure)))
      found.set(type, structure);
  }
  const common = found.get(CFG_TYPE.COMMON);
  const notify = found.get(CFG_TYPE.NOTIFY);
  if (common === undefined) throw new ProbeError('no common configuration structure that can be used');
  if (notify === undefined) throw new ProbeError('no notification structure that can be used');
  const multiplier = access.readConfig(notify.at + CAP.notify_off_multiplier, 4);
  return {
    common,
    notify: { ...notify, multiplier },
    isr: found.get(CFG_TYPE.ISR) ?? null,
    device: found.get(CFG_TYPE.DEVICE) ?? null,
    window: found.get(CFG_TYPE.PCI)?.at ?? null,
    msix,
  };
}

/** Offsets of all capabilities, in the order of the list; a loop ends it. */
function capabilityOffsets(access: PciAccess): number[] {
  if ((access.readConfig(STATUS_REGISTER, 2) & HAS_LIST) === 0) return [];
  const offsets: number[] = [];
  let at = access.readConfig(CAPABILITY_LIST, 1) & ~3;
  while (at >= 0x40 && offsets.length < MOST && !offsets.includes(at)) {
    offsets.push(at);
    at = access.readConfig(at + 1, 1) & ~3;
  }
  return offsets;
}

/** Least length and alignment of each structure, as far as this driver relies on them. */
const SHAPE: Readonly<Record<number, readonly [length: number, align: number]>> = {
  [CFG_TYPE.COMMON]: [0x38, 4],
  [CFG_TYPE.NOTIFY]: [2, 2],
  [CFG_TYPE.ISR]: [1, 1],
  [CFG_TYPE.DEVICE]: [0, 4],
};

function usable(access: PciAccess, type: number, { bar, offset, length }: Structure): boolean {
  const shape = SHAPE[type];
  const size = access.bars[bar]?.size ?? 0;
  return shape !== undefined && length >= shape[0] && offset % shape[1] === 0 && offset + length <= size;
}
