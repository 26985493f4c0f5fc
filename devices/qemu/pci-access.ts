import { ERRNO, type Iova } from '../../framework/device.ts';
import type { IovaWindow } from '../../framework/memory/shared-memory.ts';
import type {
  AccessSize,
  DmaWindow,
  PciAccess,
  PciBar,
  PciFacts,
  PciInterrupts,
} from '../../framework/transport/access.ts';
import { IOAPIC, SLOT } from './command-line.ts';
import { CELLS } from './layout.ts';
import type { Qtest } from './qtest.ts';

const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
const COMMAND = 0x04;
const BAR0 = 0x10;
/** First addresses that BARs are given: inside the holes that q35 leaves for PCI below 4 GiB. */
const MEMORY_BASE = 0xe000_0000;
const IO_BASE = 0xc000;
/** Interrupt inputs of the I/O APIC that PCI pins reach on q35. */
const FIRST_PCI_INPUT = 16;

/** Mappings that a device without an IOMMU can use: those where the IOVA is the guest physical address already. */
export function identityWindow(windows: readonly IovaWindow[]): DmaWindow {
  const holds = (iova: Iova, size: number, addr: number) =>
    windows.some(
      (one) => addr >= one.pa && addr + size <= one.pa + one.size && iova - one.iova === addr - one.pa,
    );
  return {
    map: (iova, size, addr) => (holds(iova, size, addr) ? 0 : -ERRNO.EOPNOTSUPP),
    unmap: () => 0,
  };
}

/**
 * The PCI function of a q35 machine, over qtest: configuration space through ports 0xcf8 and 0xcfc, BARs at
 * addresses that {@link QemuPciAccess.prepare} gives them.
 */
export class QemuPciAccess implements PciAccess {
  readonly kind = 'pci';
  readonly facts: PciFacts = { intx: true };
  readonly dma: DmaWindow;
  readonly configSize = 256;
  readonly bars: readonly (PciBar | null)[];
  readonly interrupts: QemuInterrupts;
  readonly #qtest: Qtest;
  readonly #addresses: number[] = [];
  #selected = -1;

  /** Looks at the function once: which BARs it has. */
  constructor(qtest: Qtest, cells: Uint32Array, windows: readonly IovaWindow[]) {
    this.#qtest = qtest;
    this.dma = identityWindow(windows);
    this.bars = this.#sizeBars();
    this.#assign();
    this.interrupts = new QemuInterrupts(qtest, cells);
  }

  /** As after power on and enumeration: BARs have addresses, everything else is off. */
  prepare(): void {
    this.#selected = -1;
    this.writeConfig(COMMAND, 2, 0);
    this.bars.forEach((bar, i) => {
      if (bar === null) return;
      this.writeConfig(BAR0 + 4 * i, 4, this.#addresses[i]);
      if (bar.kind === 'memory' && this.#wide.has(i)) this.writeConfig(BAR0 + 4 * i + 4, 4, 0);
    });
    this.interrupts.restart();
  }

  readConfig(offset: number, size: AccessSize): number {
    this.#select(offset);
    return this.#qtest.in(size, CONFIG_DATA + (offset & 3));
  }
  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.#select(offset);
    this.#qtest.out(size, CONFIG_DATA + (offset & 3), value);
  }
  readBar(bar: number, offset: number, size: AccessSize): number {
    const at = this.#at(bar, offset, size);
    if (at === null) return 2 ** (8 * size) - 1;
    return at.io ? this.#qtest.in(size, at.address) : this.#qtest.read(size, at.address);
  }
  readBarSoon(bar: number, offset: number, size: AccessSize, take: (value: number) => void): void {
    const at = this.#at(bar, offset, size);
    if (at === null || at.io) take(this.readBar(bar, offset, size));
    else this.#qtest.readSoon(size, at.address, take);
  }
  writeBar(bar: number, offset: number, size: AccessSize, value: number): void {
    const at = this.#at(bar, offset, size);
    if (at === null) return;
    if (at.io) this.#qtest.out(size, at.address, value);
    else this.#qtest.write(size, at.address, value);
  }
  writeWords(bar: number, offset: number, words: readonly number[]): void {
    const at = this.#at(bar, offset, 4 * words.length);
    if (at !== null && !at.io) this.#qtest.writeWords(at.address, words);
    else for (const [i, word] of words.entries()) this.writeBar(bar, offset + 4 * i, 4, word);
  }
  readMany(bar: number, places: readonly (readonly [number, AccessSize])[]): number[] {
    const inside = places.map(([offset, size]) => this.#at(bar, offset, size));
    if (inside.some((at) => at === null || at.io))
      return places.map(([at, size]) => this.readBar(bar, at, size));
    return this.#qtest.readMany(places.map(([, size], i) => [size, inside[i]!.address]));
  }
  /** One turn of QEMU's main loop. */
  pause(): void {
    this.#qtest.turn();
  }
  dispatch(): () => void {
    return this.#qtest.dispatch();
  }
  yieldSoon(): void {
    this.#qtest.yieldSoon();
  }

  #select(offset: number): void {
    const address = (0x8000_0000 | (SLOT << 11) | (offset & 0xfc)) >>> 0;
    if (this.#selected === address) return;
    this.#selected = address;
    this.#qtest.out(4, CONFIG_ADDRESS, address);
  }

  #at(bar: number, offset: number, size: number): { io: boolean; address: number } | null {
    const found = this.bars[bar];
    if (!found || offset < 0 || offset + size > found.size) return null;
    return { io: found.kind === 'io', address: this.#addresses[bar] + offset };
  }

  readonly #wide = new Set<number>();

  /** Write all ones and see which bits stay (PCI Local Bus 3.0, 6.2.5.1). */
  #sizeBars(): (PciBar | null)[] {
    const bars: (PciBar | null)[] = [];
    for (let i = 0; i < 6; i++) {
      this.writeConfig(BAR0 + 4 * i, 4, 0xffff_ffff);
      const mask = this.readConfig(BAR0 + 4 * i, 4);
      if (mask === 0) {
        bars.push(null);
        continue;
      }
      const io = (mask & 1) !== 0;
      const size = (~(mask & (io ? ~3 : ~15)) + 1) >>> 0;
      bars.push({ kind: io ? 'io' : 'memory', size: io ? size & 0xffff : size });
      if (!io && (mask & 6) === 4) {
        this.#wide.add(i);
        bars.push(null);
        i++;
      }
    }
    return bars;
  }

  #assign(): void {
    const next = { memory: MEMORY_BASE, io: IO_BASE };
    this.bars.forEach((bar, i) => {
      this.#addresses[i] = 0;
      if (bar === null) return;
      const at = Math.ceil(next[bar.kind] / bar.size) * bar.size;
      next[bar.kind] = at + bar.size;
      this.#addresses[i] = at;
    });
  }
}

/** MSI-X messages go to cells of guest RAM; INTx is seen at the I/O APIC. */
export class QemuInterrupts implements PciInterrupts {
  onMessage: ((vector: number) => void) | null = null;
  onIntx: (() => void) | null = null;
  /** Called before either. */
  onSign: (() => void) | null = null;
  readonly #qtest: Qtest;
  readonly #cells: Uint32Array;
  /** Messages by vector that `poll` has found and nobody has taken. */
  readonly #polled: number[] = [];
  /** `poll` looks at the INTx pin as well: worth a trip only where INTx is in use. */
  watchesLine = false;
  /** Vectors that have a message: no others are looked at. */
  #vectors = 0;

  constructor(qtest: Qtest, cells: Uint32Array) {
    this.#qtest = qtest;
    this.#cells = cells;
    // Before the first driver: what rises before it is watched would never be seen.
    qtest.intercept(IOAPIC.pci);
  }

  message(vector: number): { address: number; data: number } {
    this.#vectors = Math.max(this.#vectors, vector + 1);
    return { address: CELLS.gpa + 4 * vector, data: vector + 1 };
  }

  /** A cell tells one message from none; those that `poll` found count one by one. */
  takeMessages(vector: number): number {
    const count = (this.#polled[vector] ?? 0) + (this.#arrived(vector) ? 1 : 0);
    this.#polled[vector] = 0;
    return count;
  }

  intx(): boolean {
    this.#qtest.turn();
    return this.#asserted();
  }

  poll(): void {
    if (this.watchesLine && this.intx()) {
      this.onSign?.();
      this.onIntx?.();
    }
    for (let vector = 0; vector < this.#vectors; vector++) {
      if (!this.#arrived(vector)) continue;
      this.#polled[vector] = (this.#polled[vector] ?? 0) + 1;
      this.onSign?.();
      this.onMessage?.(vector);
    }
  }

  /** What came before belongs to nobody. */
  forget(): void {
    this.#cells.fill(0);
    this.#polled.length = 0;
  }

  /** As before the first driver. */
  restart(): void {
    this.forget();
    this.#vectors = 0;
    this.watchesLine = false;
    this.onMessage = null;
    this.onIntx = null;
  }

  #asserted(): boolean {
    for (const [line, level] of this.#qtest.levels) if (level && line >= FIRST_PCI_INPUT) return true;
    return false;
  }

  /** Whether a message of `vector` is in its cell, which is empty afterwards. */
  #arrived(vector: number): boolean {
    if (Atomics.load(this.#cells, vector) === 0) return false;
    Atomics.store(this.#cells, vector, 0);
    return true;
  }
}
