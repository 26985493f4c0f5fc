/** A stretch of guest RAM: `gpa` is its guest physical address, `offset` its place in the shared file. */
export interface RamStretch {
  readonly offset: number;
  readonly gpa: number;
  readonly size: number;
}

/** RAM below 4 GiB: the whole of it. */
export const LOW_RAM: RamStretch = { offset: 0, gpa: 0, size: 32 << 20 };
/** RAM above 4 GiB (q35): it follows the low part in the file. */
export const HIGH_RAM: RamStretch = { offset: 32 << 20, gpa: 0x1_0000_0000, size: 32 << 20 };

/** Cells of 4 bytes that MSI-X messages are written to, one a vector; above the holes of a PC, and no driver's. */
export const CELLS = { gpa: 0x20_0000, offset: 0x20_0000, size: 0x2000 } as const;
