import { DEVICE_IDS, type DeviceType } from '../../specs/virtio-1.1/device-ids.ts';
import type { Problem } from '../steps/step.ts';
import { type FunctionView, STRUCTURES, type StructureName } from './function-view.ts';

/** What is known about a function when it is judged. Plain data. */
export interface FunctionSeen {
  view: FunctionView;
  /** Size and kind of each BAR as the bus has it; null where there is none. */
  bars: ({ kind: 'memory' | 'io'; size: number } | null)[];
  /** What BAR sizing gave, where it was asked for: all ones written, read back. */
  sizing?: number[];
  type: DeviceType;
  /** Declared to have the legacy interface. */
  transitional: boolean;
  /** NOTIFICATION_DATA is offered. */
  notificationData: boolean;
  /** Notify offset of every queue that is available, where it was asked for. */
  notifyOffsets?: { q: number; off: number }[];
  /** End of the last configuration field that the offered features bring. */
  configEnd: number;
}

/** Transitional device ids (section 4.1.2.1). */
const TRANSITIONAL: Readonly<Partial<Record<DeviceType, number>>> = {
  net: 0x1000,
  blk: 0x1001,
  balloon: 0x1002,
  console: 0x1003,
  scsi: 0x1004,
  entropy: 0x1005,
};
/** Least `cap_len`: with extra data 20, otherwise 16; only where the layout is known. */
const CAP_LENGTH: Readonly<Record<number, number>> = { 1: 16, 2: 20, 3: 16, 4: 16, 5: 20 };
const KIND: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(STRUCTURES).map(([name, type]) => [type, name]),
);

const typeNumber = (type: DeviceType) => DEVICE_IDS.find(({ name }) => name === type)?.id ?? 0;
const hex = (value: number) => `0x${value.toString(16)}`;
const pow2 = (value: number) => value > 0 && Number.isInteger(Math.log2(value));
const wrong = (expected: string, actual: string): Problem[] => [{ expected, actual }];
const want = (ok: boolean, expected: string, actual: string): Problem[] =>
  ok ? [] : wrong(expected, actual);

type Check = (seen: FunctionSeen) => Problem[];

/** Capabilities of a kind in a BAR that exists at all; a driver passes over reserved ones (4.1.4.1). */
const caps = ({ view }: FunctionSeen, name: StructureName) =>
  view.caps.filter(({ type, bar }) => type === STRUCTURES[name] && (name === 'window' || bar <= 5));

const present =
  (name: StructureName): Check =>
  (seen) =>
    want(caps(seen, name).length > 0, `a ${name} capability`, 'none');

const aligned =
  (name: StructureName, to: (seen: FunctionSeen) => number): Check =>
  (seen) =>
    caps(seen, name).flatMap(({ offset }) =>
      want(offset % to(seen) === 0, `${name} offset aligned to ${to(seen)}`, hex(offset)),
    );

const width = ({ notificationData }: FunctionSeen) => (notificationData ? 4 : 2);

/** What each check demands of a function; none of them has a side effect. */
export const FUNCTION_CHECKS: Readonly<Record<string, Check>> = {
  header: ({ view }) => [
    ...want(view.hasList && view.list.length > 0, 'a capability list', 'none'),
    ...view.listFaults.flatMap((fault) =>
      wrong('a list that ends, of aligned entries behind the header', fault),
    ),
    ...want((view.headerType & 0x7f) === 0, 'header type 0', hex(view.headerType)),
  ],
  bars: ({ sizing = [] }) => barFaults(sizing),
  'msix-inside': ({ view, bars }) => {
    if (view.msix === null) return [];
    const { count, table, pending } = view.msix;
    const inside = (what: string, { bar, offset }: typeof table, length: number) =>
      want(
        offset + length <= (bars[bar]?.size ?? 0),
        `${what} of ${count} entries inside BAR ${bar}`,
        `${length} bytes at ${hex(offset)} of ${hex(bars[bar]?.size ?? 0)}`,
      );
    return [
      ...inside('an MSI-X table', table, 16 * count),
      ...inside('pending bits', pending, 8 * Math.ceil(count / 64)),
    ];
  },
  vendor: ({ view }) => want(view.vendor === 0x1af4, 'vendor 0x1af4', hex(view.vendor)),
  'device-id': ({ view, type }) => {
    const modern = 0x1040 + typeNumber(type);
    const other = TRANSITIONAL[type];
    return want(
      view.device === modern || view.device === other,
      `device id ${hex(modern)}${other === undefined ? '' : ` or ${hex(other)}`}`,
      hex(view.device),
    );
  },
  'modern-id': ({ view }) =>
    want(view.device >= 0x1040 && view.device <= 0x107f, 'device id 0x1040 to 0x107f', hex(view.device)),
  revision: ({ view }) => want(view.revision >= 1, 'revision of at least 1', String(view.revision)),
  subsystem: ({ view }) => want(view.subsystem >= 0x40, 'subsystem of at least 0x40', hex(view.subsystem)),
  'cap-length': ({ view }) =>
    view.caps.flatMap(({ at, len, type }) => {
      const least = CAP_LENGTH[type];
      if (least === undefined) return [];
      const next = view.list.find((other) => other.at > at && other.at < at + len);
      return [
        ...want(len >= least, `cap_len of at least ${least} in the ${KIND[type]} capability`, String(len)),
        ...want(
          next === undefined && at + len <= 0x100,
          `the ${KIND[type]} capability at ${hex(at)} clear of the next one`,
          `${len} bytes, the next at ${hex(next?.at ?? 0x100)}`,
        ),
      ];
    }),
  'common-present': present('common'),
  'common-aligned': aligned('common', () => 4),
  'notify-present': present('notify'),
  'notify-aligned': aligned('notify', width),
  'isr-present': present('isr'),
  'device-present': present('device'),
  'device-aligned': aligned('device', () => 4),
  'window-present': present('window'),
  'notify-multiplier': (seen) =>
    caps(seen, 'notify').flatMap(({ multiplier = 0 }) =>
      want(
        multiplier === 0 || (pow2(multiplier) && (!seen.notificationData || multiplier % 4 === 0)),
        seen.notificationData
          ? 'a multiplier that is 0 or a power of 2 and a multiple of 4'
          : 'a multiplier that is 0 or a power of 2',
        String(multiplier),
      ),
    ),
  'notify-length': (seen) =>
    caps(seen, 'notify').flatMap(({ length }) =>
      want(
        length >= width(seen),
        `a notification structure of at least ${width(seen)} bytes`,
        String(length),
      ),
    ),
  'notify-room': (seen) =>
    caps(seen, 'notify').flatMap(({ multiplier = 0, length }) =>
      (seen.notifyOffsets ?? []).flatMap(({ q, off }) =>
        want(
          length >= off * multiplier + width(seen),
          `room for the notifications of queue ${q}: ${off} × ${multiplier} + ${width(seen)}`,
          `${length} bytes`,
        ),
      ),
    ),
  fits: (seen) => [
    ...caps(seen, 'common').flatMap(placed(seen, 0x38)),
    ...caps(seen, 'notify').flatMap(placed(seen, 2)),
    ...caps(seen, 'isr').flatMap(placed(seen, 1)),
    ...caps(seen, 'device').flatMap(placed(seen, seen.configEnd)),
  ],
  'msix-count': ({ view }) =>
    want(view.msix === null || view.msix.count >= 2, 'at least 2 MSI-X vectors', String(view.msix?.count)),
};

/** Whether a structure has its length, and lies inside its BAR. */
const placed =
  ({ bars }: FunctionSeen, least: number) =>
  ({ bar, offset, length, type }: FunctionView['caps'][number]): Problem[] => {
    const size = bars[bar]?.size ?? 0;
    return [
      ...want(length >= least, `${KIND[type]} structure of at least ${least} bytes`, String(length)),
      ...want(
        offset + length <= size,
        `${KIND[type]} structure inside BAR ${bar}`,
        `${length} bytes at ${hex(offset)} of ${hex(size)}`,
      ),
    ];
  };

/** BAR sizing (PCI Local Bus 3.0, section 6.2.5.1): writable bits are the upper ones, without a gap. */
function barFaults(sizing: readonly number[]): Problem[] {
  const problems: Problem[] = [];
  for (let i = 0; i < sizing.length; i++) {
    const low = sizing[i];
    const io = (low & 1) !== 0;
    const wide = !io && (low & 6) === 4;
    const bits = (low & (io ? ~3 : ~15)) >>> 0;
    const mask = wide ? (BigInt(sizing[i + 1] ?? 0) << 32n) | BigInt(bits) : BigInt(bits);
    const size = mask === 0n ? 0n : BigInt.asUintN(wide ? 64 : 32, ~mask + 1n);
    // An I/O BAR need not decode the upper half.
    const clean = (size & (size - 1n)) === 0n || (io && pow2(((~bits & 0xffff) + 1) & 0xffff));
    if (mask !== 0n)
      problems.push(...want(clean, `a power of two as size of BAR ${i}`, `mask 0x${mask.toString(16)}`));
    if (wide) i++;
  }
  return problems;
}
