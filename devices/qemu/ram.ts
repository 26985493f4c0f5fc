import type { IovaWindow, SharedMemory } from '../../framework/memory/shared-memory.ts';
import { closeFd } from '../../framework/native/fd.ts';
import { Mapping } from '../../framework/native/mapping.ts';
import { createMemfd } from '../../framework/native/memfd.ts';
import { CELLS, HIGH_RAM, LOW_RAM } from './layout.ts';
import { QemuMachine } from './machine.ts';
import type { QemuSettings } from './options.ts';

/**
 * Guest RAM as driver and device share it, and the machine that it belongs to: one QEMU serves one session after
 * the other for as long as it lives. Driver memory lies around the end of the low RAM, so that guest physical
 * addresses differ from offsets in driver memory by one amount below 4 GiB and by another above.
 */
export class QemuRam implements SharedMemory {
  readonly bytes: Uint8Array;
  readonly windows: readonly IovaWindow[];
  readonly #fd: number;
  readonly #settings: QemuSettings;
  readonly #mapping: Mapping;
  readonly #cells: Mapping;
  #machine: QemuMachine | null = null;

  /** `size` bytes of driver memory. @throws RangeError when the RAM has no room for it */
  constructor(size: number, settings: QemuSettings) {
    const pci = settings.transport === 'pci';
    const low = pci ? size / 2 : size;
    const offset = LOW_RAM.size - low;
    if (offset < CELLS.offset + CELLS.size || size - low > HIGH_RAM.size || low % 4096 !== 0)
      throw new RangeError(`guest RAM has no room for ${size} bytes of driver memory`);
    this.windows = [
      { pa: 0, iova: LOW_RAM.gpa + offset, size: low },
      ...(pci ? [{ pa: low, iova: HIGH_RAM.gpa, size: size - low }] : []),
    ];
    this.#settings = settings;
    this.#fd = createMemfd('guest-ram', LOW_RAM.size + HIGH_RAM.size);
    this.#mapping = new Mapping(this.#fd, size, offset);
    this.#cells = new Mapping(this.#fd, CELLS.size, CELLS.offset);
    this.bytes = new Uint8Array(this.#mapping.buffer);
  }

  /** The machine on this RAM; a new one when there is none, or none that lives. @throws DeviceFailure */
  machine(): QemuMachine {
    if (this.#machine?.usable) return this.#machine;
    this.#machine?.dispose();
    this.#machine = null;
    this.#machine = new QemuMachine(this.#settings, {
      fd: this.#fd,
      windows: this.windows,
      cells: new Uint32Array(this.#cells.buffer),
    });
    return this.#machine;
  }

  dispose(): void {
    this.#machine?.dispose();
    this.#machine = null;
    this.#mapping.dispose();
    this.#cells.dispose();
    closeFd(this.#fd);
  }
}
