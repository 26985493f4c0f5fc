import type { PciBar } from '../../../framework/transport/access.ts';
import { ConfigurationSpace } from './config-space.ts';
import type { PciShape } from './shape.ts';

/** Vendor of virtio devices (section 4.1.2). */
const VENDOR = 0x1af4;
const MODERN_ID = 0x1040;
const MSIX = 0x11;
const POWER_MANAGEMENT = 0x01;

/** Class codes of the device types, as the PCI code and ID assignment specification has them. */
const CLASS: Readonly<Record<number, number>> = { 1: 0x020000, 2: 0x018000 };
/** Transitional device ids of the types simulated here (section 4.1.2). */
const TRANSITIONAL: Readonly<Record<number, number>> = { 1: 0x1000, 2: 0x1001 };

/** One virtio structure as its capability announces it (section 4.1.4). */
export interface VirtioCapability {
  readonly type: number;
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
  /** What follows the common part: the multiplier, or the data of the window. */
  readonly extra?: readonly number[];
}

/** Identification, BARs and capability list of a function. */
export function buildHeader(
  type: number,
  shape: PciShape,
  bars: readonly (PciBar | null)[],
  capabilities: readonly VirtioCapability[],
  msix: { count: number; bar: number; table: number; pending: number },
): { space: ConfigurationSpace; offsets: number[]; msixAt: number } {
  const space = new ConfigurationSpace();
  space.put(0x00, 2, VENDOR);
  space.put(0x02, 2, shape.transitional ? TRANSITIONAL[type] : MODERN_ID + type);
  space.allow(0x04, 2, 0x0407);
  space.put(0x06, 2, 1 << 4);
  space.put(0x08, 4, ((CLASS[type] ?? 0xff0000) << 8) | (shape.transitional ? 0 : 1));
  bars.forEach((bar, index) => {
    if (bar !== null) space.addBar(index, bar);
  });
  const [vendor, device] = shape.subsystem ?? [VENDOR, shape.transitional ? type : 0x1100];
  space.put(0x2c, 2, vendor);
  space.put(0x2e, 2, device);
  space.allow(0x3c, 1, 0xff);
  space.put(0x3d, 1, shape.intx ? 1 : 0);
  space.addCapability(POWER_MANAGEMENT, [0x03, 0x00, 0, 0, 0, 0]);
  const msixAt = space.addCapability(MSIX, [
    (msix.count - 1) & 0xff,
    (msix.count - 1) >> 8,
    ...le32(msix.table | msix.bar),
    ...le32(msix.pending | msix.bar),
  ]);
  space.allow(msixAt + 2, 2, 0xc000);
  space.addCapability(0x09, [3 + 1, 9]);
  const offsets = capabilities.map((row) => space.addCapability(0x09, capabilityBody(row, shape.capLength)));
  return { space, offsets, msixAt };
}

/** A capability from `cap_len` on. */
function capabilityBody({ type, bar, offset, length, extra = [] }: VirtioCapability, atLeast: number) {
  const body = [type, bar, 0, 0, 0, ...le32(offset), ...le32(length), ...extra];
  const capLen = Math.max(3 + body.length, atLeast);
  return [capLen, ...body, ...new Array<number>(capLen - 3 - body.length).fill(0)];
}

export function le32(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
}
