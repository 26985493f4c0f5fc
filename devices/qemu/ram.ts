/** A stretch of guest RAM: `gpa` is its guest physical address, `offset` its place in the shared file. */
export interface RamWindow {
  readonly offset: number;
  readonly gpa: number;
  readonly size: number;
}

/** RAM below 4 GiB: the whole of it. */
export const LOW_RAM: RamWindow = { offset: 0, gpa: 0, size: 32 << 20 };
/** RAM above 4 GiB (q35): it follows the low part in the file. */
export const HIGH_RAM: RamWindow = { offset: 32 << 20, gpa: 0x1_0000_0000, size: 32 << 20 };

/** Cells of 4 bytes that MSI-X messages are written to, one a vector: a page that no driver gets. */
export const CELLS = { gpa: 0x20_0000, offset: 0x20_0000, size: 0x2000 } as const;

/**
 * What drivers get, as offsets in the shared file: nothing of the first 16 MiB, where a PC has its holes. Guest
 * physical addresses differ from offsets in driver memory everywhere, and by another amount above 4 GiB.
 */
export const DRIVER_RAM = {
  pci: { offset: 16 << 20, size: 32 << 20 },
  mmio: { offset: 16 << 20, size: 16 << 20 },
} as const;

/** Driver memory of a machine as (offset in driver memory, guest physical address, size). */
export function windows(transport: 'pci' | 'mmio'): readonly { pa: number; iova: number; size: number }[] {
  const { offset, size } = DRIVER_RAM[transport];
  const low = { pa: 0, iova: LOW_RAM.gpa + offset, size: LOW_RAM.size - offset };
  if (transport === 'mmio') return [low];
  return [low, { pa: low.size, iova: HIGH_RAM.gpa, size: size - low.size }];
}
