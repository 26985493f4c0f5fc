import { COMMON_SIZE } from './common-config.ts';
import { buildHeader, le32, type VirtioCapability } from './header.ts';
import { AT, IO_BAR, TYPE } from './layout.ts';
import type { PciFunction } from './pci-function.ts';

/** Configuration space with a capability for each structure (section 4.1.4), and where those are. */
export function functionHeader(pci: PciFunction, notifyLength: number, pending: number) {
  const { shape, msix, core } = pci;
  const long = (length: number) => Math.max(length, shape.structureLength);
  const structure = (type: number, offset: number, length: number): VirtioCapability => ({
    type,
    bar: shape.memoryBar,
    offset,
    length: long(length),
  });
  const extra = le32(shape.multiplier);
  const list: VirtioCapability[] = [
    structure(TYPE.common, AT.common, COMMON_SIZE),
    { ...structure(TYPE.notify, AT.notify, notifyLength), extra },
    structure(TYPE.isr, AT.isr, 1),
    structure(TYPE.device, AT.device, pci.deviceConfig.size),
    { type: TYPE.window, bar: 0, offset: 0, length: 0, extra: le32(0) },
  ];
  const io = { type: TYPE.notify, bar: IO_BAR, offset: 0, length: 0x100, extra: le32(0) };
  const shown = shape.ioNotify ? [io, ...list] : list;
  const built = buildHeader(core.sim.getDeviceId(), shape, pci.bars, shown, {
    count: msix.count,
    bar: shape.msixBar,
    table: 0,
    pending,
  });
  const offsetOf = (type: number) => built.offsets[shown.indexOf(list[type - 1])];
  return {
    ...built,
    at: {
      common: offsetOf(TYPE.common),
      notify: offsetOf(TYPE.notify),
      isr: offsetOf(TYPE.isr),
      device: offsetOf(TYPE.device),
      window: offsetOf(TYPE.window),
    },
  };
}
