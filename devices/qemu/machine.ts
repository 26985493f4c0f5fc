import type { IovaWindow } from '../../framework/memory/shared-memory.ts';
import { closeFd, writeAll } from '../../framework/native/fd.ts';
import { createMemfd } from '../../framework/native/memfd.ts';
import { Resources } from '../../framework/native/resources.ts';
import { setBlocking, socketPair } from '../../framework/native/socket.ts';
import { commandLine } from './command-line.ts';
import { CHILD_FD } from './devices.ts';
import { CELLS } from './layout.ts';
import { QemuMmioAccess } from './mmio-access.ts';
import { QemuPeer } from './net-peer.ts';
import type { QemuSettings } from './options.ts';
import { type QemuInterrupts, QemuPciAccess } from './pci-access.ts';
import { QemuProcess } from './process.ts';
import { Qmp } from './qmp.ts';
import { type Bell, Qtest } from './qtest.ts';

/** Milliseconds after which a read that waits for an answer gives way to a look at the process. */
const ANSWER_MS = 100;

/** Firmware of 64 KiB whose reset vector stops the processor: cli; hlt; jmp back. */
function haltingFirmware(): Uint8Array {
  const bytes = new Uint8Array(64 << 10);
  bytes.set([0xfa, 0xf4, 0xeb, 0xfd], bytes.length - 16);
  return bytes;
}

/** Guest RAM as a machine needs it: the file, where drivers' memory is, the cells for MSI-X messages. */
export interface MachineRam {
  readonly fd: number;
  readonly windows: readonly IovaWindow[];
  readonly cells: Uint32Array;
}

/** The last cell: no MSI-X vector is numbered that high. */
function bellIn({ cells }: MachineRam): Bell {
  const index = cells.length - 1;
  return { cells, index, gpa: CELLS.gpa + 4 * index };
}

/** One QEMU with one device, and everything that leads to it. */
export class QemuMachine {
  readonly settings: QemuSettings;
  readonly process: QemuProcess;
  readonly qtest: Qtest;
  readonly qmp: Qmp;
  readonly access: QemuPciAccess | QemuMmioAccess;
  /** The network behind a net device. */
  readonly peer: QemuPeer | null;
  /** Somebody had the registers in hand: they may be in any state. */
  touched = false;
  readonly #resources = new Resources();

  /** Start QEMU on guest memory `ram` and wait until it answers. @throws DeviceFailure, NativeError */
  constructor(settings: QemuSettings, ram: MachineRam) {
    this.settings = settings;
    const own = this.#resources;
    try {
      const qtest = this.#pair();
      const qmp = this.#pair();
      const net = settings.kind.net ? this.#pair() : null;
      const fds: Record<number, number> = {
        [CHILD_FD.qtest]: qtest.theirs,
        [CHILD_FD.qmp]: qmp.theirs,
        [CHILD_FD.ram]: ram.fd,
      };
      if (net) fds[CHILD_FD.net] = net.theirs;
      if (settings.kind.disk) fds[CHILD_FD.disk] = own.ownFd(createMemfd('disk', settings.capacity * 512));
      const firmware = haltingFirmware();
      fds[CHILD_FD.firmware] = own.ownFd(createMemfd('firmware', firmware.length));
      writeAll(fds[CHILD_FD.firmware], firmware, ANSWER_MS);
      this.process = own.own(new QemuProcess(settings.program, commandLine(settings), { fds }));
      for (const one of [qtest, qmp, net]) if (one) closeFd(one.theirs);
      // An answer comes within microseconds: a read that waits for it costs less than to look, wait and read.
      setBlocking(qtest.ours, ANSWER_MS);
      this.qtest = new Qtest(qtest.ours, this.process, bellIn(ram));
      this.qmp = new Qmp(qmp.ours, this.process);
      this.peer = net && new QemuPeer(this, net.ours);
      this.qtest.turn();
      this.access = this.#open(ram);
    } catch (error) {
      own.dispose();
      throw error;
    }
  }

  /** It runs and has answered everything so far. */
  get usable(): boolean {
    return !this.process.failed && this.process.alive;
  }

  /** Interrupts of a PCI function. */
  get interrupts(): QemuInterrupts | null {
    return this.access.kind === 'pci' ? this.access.interrupts : null;
  }

  /** Everything around the device as at power on. The device itself is the driver's to reset. */
  prepare(): void {
    this.process.forget();
    if (this.touched) this.qmp.run('system_reset');
    this.touched = false;
    this.access.prepare();
    this.peer?.prepare();
  }

  /** The same, as far as a session that kept to the driver can have changed it. */
  freshen(): void {
    this.process.forget();
    if (this.access.kind === 'pci') this.access.interrupts.forget();
    this.peer?.prepare();
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

  #open(ram: MachineRam): QemuPciAccess | QemuMmioAccess {
    const { transport } = this.settings;
    if (transport === 'mmio') return new QemuMmioAccess(this.qtest, ram.windows);
    return new QemuPciAccess(this.qtest, ram.cells, ram.windows);
  }
}
