import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeFd } from '../../framework/native/fd.ts';
import { Mapping } from '../../framework/native/mapping.ts';
import { createMemfd } from '../../framework/native/memfd.ts';
import { Resources } from '../../framework/native/resources.ts';
import { socketPair } from '../../framework/native/socket.ts';
import { commandLine } from './command-line.ts';
import { CHILD_FD } from './devices.ts';
import { QemuMmioAccess } from './mmio-access.ts';
import type { QemuSettings } from './options.ts';
import { QemuPciAccess } from './pci-access.ts';
import { QemuProcess } from './process.ts';
import { Qmp } from './qmp.ts';
import { Qtest } from './qtest.ts';
import { CELLS, windows } from './ram.ts';

/** Firmware of 64 KiB whose reset vector stops the processor: cli; hlt; jmp back. */
function haltingFirmware(): Uint8Array {
  const bytes = new Uint8Array(64 << 10);
  bytes.set([0xfa, 0xf4, 0xeb, 0xfd], bytes.length - 16);
  return bytes;
}

/** One QEMU with one device, and everything that leads to it. */
export class QemuMachine {
  readonly settings: QemuSettings;
  readonly process: QemuProcess;
  readonly qtest: Qtest;
  readonly qmp: Qmp;
  readonly access: QemuPciAccess | QemuMmioAccess;
  /** Our end of the network behind a net device. */
  readonly net: number | null;
  readonly #resources = new Resources();

  /** Start QEMU on guest memory `ram` (a memfd) and wait until it answers. @throws DeviceFailure, NativeError */
  constructor(settings: QemuSettings, ram: number) {
    this.settings = settings;
    const own = this.#resources;
    try {
      const qtest = this.#pair();
      const qmp = this.#pair();
      const net = settings.kind.net ? this.#pair() : null;
      const fds: Record<number, number> = {
        [CHILD_FD.qtest]: qtest.theirs,
        [CHILD_FD.qmp]: qmp.theirs,
        [CHILD_FD.ram]: ram,
      };
      if (net) fds[CHILD_FD.net] = net.theirs;
      if (settings.kind.disk) fds[CHILD_FD.disk] = own.ownFd(createMemfd('disk', settings.capacity * 512));
      const folder = mkdtempSync(join(tmpdir(), 'vdpa-cts-'));
      own.defer(() => rmSync(folder, { recursive: true, force: true }));
      const bios = join(folder, 'firmware');
      writeFileSync(bios, haltingFirmware());
      this.process = own.own(new QemuProcess(settings.program, commandLine(settings, bios), { fds }));
      for (const one of [qtest, qmp, net]) if (one) closeFd(one.theirs);
      this.net = net?.ours ?? null;
      this.qtest = new Qtest(qtest.ours, this.process);
      this.qmp = new Qmp(qmp.ours, this.process);
      this.qtest.turn();
      // Everything that was read from the folder is in QEMU's memory now.
      rmSync(folder, { recursive: true, force: true });
      this.access = this.#open(ram);
    } catch (error) {
      own.dispose();
      throw error;
    }
  }

  get alive(): boolean {
    return this.process.alive;
  }

  /** End QEMU and release everything. */
  dispose(): void {
    this.#resources.dispose();
  }

  #pair(): { ours: number; theirs: number } {
    const pair = socketPair();
    this.#resources.ownFd(pair.ours);
    return pair;
  }

  #open(ram: number): QemuPciAccess | QemuMmioAccess {
    const { transport } = this.settings;
    if (transport === 'mmio') return new QemuMmioAccess(this.qtest, windows('mmio'));
    const cells = this.#resources.own(new Mapping(ram, CELLS.size, CELLS.offset));
    return new QemuPciAccess(this.qtest, new Uint32Array(cells.buffer), windows('pci'));
  }
}
