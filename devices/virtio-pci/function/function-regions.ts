import type { AccessSize } from '../../../framework/transport/access.ts';
import { COMMON_SIZE } from './common-config.ts';
import { AT, IO_BAR } from './layout.ts';
import type { PciFunction } from './pci-function.ts';

/** Device status of the legacy interface (section 4.1.4.8). */
const LEGACY_STATUS = 18;

/** A stretch of a BAR and what is there. */
export interface Region {
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
}

/** What answers where: the structures, the MSI-X tables, and the one register of the legacy interface. */
export function functionRegions(pci: PciFunction, notifyLength: number, pending: number): Region[] {
  const { msix } = pci;
  const { memoryBar, msixBar } = pci.shape;
  const none = () => {};
  const memory = (offset: number, length: number, rest: Pick<Region, 'read' | 'write'>): Region => ({
    bar: memoryBar,
    offset,
    length,
    ...rest,
  });
  const doorbells: Pick<Region, 'read' | 'write'> = {
    read: () => 0,
    write: (offset, _size, value) => pci.notified(offset, value),
  };
  return [
    memory(AT.common, COMMON_SIZE, {
      read: (offset, size) => pci.common.read(offset, size),
      write: (offset, size, value) => pci.common.write(offset, size, value),
    }),
    memory(AT.isr, 1, { read: () => pci.readIsr(), write: none }),
    memory(AT.device, Math.max(4, pci.deviceConfig.size), {
      read: (offset, size) => pci.deviceConfig.read(offset, size),
      write: (offset, size, value) => pci.deviceConfig.write(offset, size, value),
    }),
    memory(AT.notify, notifyLength, doorbells),
    ...(pci.shape.ioNotify ? [{ bar: IO_BAR, offset: 0, length: 0x100, ...doorbells }] : []),
    {
      bar: 0,
      offset: LEGACY_STATUS,
      length: 1,
      read: () => 0xff,
      write: (_offset, size, value) => {
        if (size === 1 && value === 0) pci.hide();
      },
    },
    {
      bar: msixBar,
      offset: 0,
      length: msix.tableSize,
      read: (offset, size) => msix.readTable(offset, size),
      write: (offset, size, value) => msix.writeTable(offset, size, value),
    },
    {
      bar: msixBar,
      offset: pending,
      length: msix.pendingSize,
      read: (offset, size) => msix.readPending(offset, size),
      write: none,
    },
  ];
}
