import type { AccessSize } from '../../framework/transport/access.ts';
import { registersOf } from '../../specs/virtio-1.1/registers.ts';
import type { Space } from './recorded-access.ts';

/** Kinds of virtio structures by the name that steps use (section 4.1.4). */
export const STRUCTURES = { common: 1, notify: 2, isr: 3, device: 4, window: 5 } as const;
export type StructureName = keyof typeof STRUCTURES;

const VENDOR = 0x09;
const MSIX = 0x11;
const EXPRESS = 0x10;
/** As many capabilities of four bytes as there is room for behind the header. */
const MOST = 48;
const LEAST = 0x40;

/** A vendor capability as section 4.1.4 lays it out. */
export interface VirtioCap {
  /** Place in configuration space. */
  at: number;
  len: number;
  type: number;
  bar: number;
  offset: number;
  length: number;
  /** Only behind a notification capability. */
  multiplier?: number;
}

/** The MSI-X capability; the table has `count` entries. */
export interface MsixCap {
  at: number;
  count: number;
  enabled: boolean;
  table: { bar: number; offset: number };
  pending: { bar: number; offset: number };
}

/** What configuration space tells about a function. */
export interface FunctionView {
  vendor: number;
  device: number;
  revision: number;
  subsystem: number;
  headerType: number;
  interruptPin: number;
  /** The status register has the bit for a capability list. */
  hasList: boolean;
  /** First entry of the list as the register reads. */
  first: number;
  /** Every capability in the order of the list: place, id. */
  list: { at: number; id: number }[];
  /** What is wrong with the list as a list; empty when nothing is. */
  listFaults: string[];
  caps: VirtioCap[];
  msix: MsixCap | null;
  express: boolean;
}

/** Offset and width of a member of a structure, by the name that the specification gives it. */
export function member(space: 'pci-cap' | 'pci-common-cfg' | 'mmio', name: string) {
  return registersOf(space).find((row) => row.name === name);
}

const capAt = (name: string) => member('pci-cap', name)!.offset;

/** Read header and capability list. Touches nothing that has side effects. */
export function viewFunction(config: Space): FunctionView {
  const get = (at: number, size: AccessSize) => config.read(at, size);
  const hasList = (get(0x06, 2) & 0x10) !== 0;
  const first = get(0x34, 1);
  const list: FunctionView['list'] = [];
  const listFaults: string[] = [];
  for (let at = first & ~3, raw = first; hasList && raw !== 0; ) {
    if (raw % 4 !== 0) listFaults.push(`an entry at 0x${raw.toString(16)}, not aligned to 4`);
    if (at < LEAST) {
      listFaults.push(`an entry at 0x${at.toString(16)}, inside the header`);
      break;
    }
    if (list.some((one) => one.at === at)) {
      listFaults.push(`a loop back to 0x${at.toString(16)}`);
      break;
    }
    if (list.length === MOST) {
      listFaults.push(`more than ${MOST} entries`);
      break;
    }
    list.push({ at, id: get(at, 1) });
    raw = get(at + 1, 1);
    at = raw & ~3;
  }
  return {
    vendor: get(0x00, 2),
    device: get(0x02, 2),
    revision: get(0x08, 1),
    subsystem: get(0x2e, 2),
    headerType: get(0x0e, 1),
    interruptPin: get(0x3d, 1),
    hasList,
    first,
    list,
    listFaults,
    caps: list.filter(({ id }) => id === VENDOR).map(({ at }) => virtioCap(config, at)),
    msix: list.filter(({ id }) => id === MSIX).map(({ at }) => msixCap(config, at))[0] ?? null,
    express: list.some(({ id }) => id === EXPRESS),
  };
}

function virtioCap(config: Space, at: number): VirtioCap {
  const type = config.read(at + capAt('cfg_type'), 1);
  const len = config.read(at + capAt('cap_len'), 1);
  if (len < 16) return { at, len, type, bar: config.read(at + capAt('bar'), 1), offset: 0, length: 0 };
  return {
    at,
    len,
    type,
    bar: config.read(at + capAt('bar'), 1),
    offset: config.read(at + capAt('offset'), 4),
    length: config.read(at + capAt('length'), 4),
    ...(type === STRUCTURES.notify
      ? { multiplier: config.read(at + capAt('notify_off_multiplier'), 4) }
      : {}),
  };
}

function msixCap(config: Space, at: number): MsixCap {
  const control = config.read(at + 2, 2);
  const place = (value: number) => ({ bar: value & 7, offset: value - (value & 7) });
  return {
    at,
    count: (control & 0x7ff) + 1,
    enabled: (control & 0x8000) !== 0,
    table: place(config.read(at + 4, 4)),
    pending: place(config.read(at + 8, 4)),
  };
}
