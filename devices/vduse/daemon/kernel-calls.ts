import type { IotlbEntry, Perm, VqState } from '../../../framework/device.ts';
import type { DmaFault, MemoryTracer } from '../../../framework/memory/host-memory.ts';
import type { FrameMeta } from '../../../framework/peer.ts';
import { CELL, type Channel, ENTRY_HEAD, ENTRY_KIND, SAID, TURN } from '../channel.ts';
import { HandOver } from '../hand-over.ts';
import { ENTRY, INFO, IOCTL } from '../protocol.ts';

const NO_TEXT = new Uint8Array(0);

/** What a daemon learns about a queue. */
export interface QueueInfo {
  readonly num: number;
  readonly desc: number;
  readonly driver: number;
  readonly device: number;
  readonly state: VqState;
  readonly ready: boolean;
}

/** The daemon's side of the device node: it gives the turn to the kernel and gets it back. */
export class KernelCalls implements MemoryTracer {
  readonly channel: Channel;
  readonly #journal: Uint8Array;
  readonly #memory: Uint8Array;
  readonly #handOver: HandOver;

  constructor(channel: Channel) {
    this.channel = channel;
    this.#handOver = new HandOver(channel.cells);
    this.#journal = new Uint8Array(
      channel.journal.buffer,
      channel.journal.byteOffset,
      channel.journal.byteLength,
    );
    this.#memory = new Uint8Array(channel.memory);
  }

  /** Hand the turn over with `said`, and wait for it without a limit: a kernel that goes away ends this thread. */
  yield(said: number): number {
    const { cells } = this.channel;
    Atomics.store(cells, CELL.SAID, said);
    Atomics.store(cells, CELL.TURN, TURN.KERNEL);
    Atomics.notify(cells, CELL.TURN);
    return this.await();
  }

  /** Wait for the turn. Returns what it is about. */
  await(): number {
    this.#handOver.wait(TURN.KERNEL);
    return Atomics.load(this.channel.cells, CELL.SAID);
  }

  /** An ioctl whose argument is in the area. Returns its value: 0 or more, or -errno. */
  ioctl(request: number, length: number): number {
    const { cells } = this.channel;
    cells[CELL.VALUE] = request | 0;
    cells[CELL.LENGTH] = length;
    this.yield(SAID.IOCTL);
    return cells[CELL.VALUE];
  }

  /** An ioctl whose answer does not matter: it takes effect, in its place, when the turn ends. */
  post(request: number, length: number): void {
    const { area } = this.channel;
    const at = this.#entry(ENTRY_KIND.IOCTL, 0, length, request, length);
    this.#journal.set(new Uint8Array(area.buffer, area.byteOffset, length), at);
  }

  /** Features that the driver accepted. */
  features(): bigint {
    this.ioctl(IOCTL.DEV_GET_FEATURES, 8);
    return this.channel.area.getBigUint64(0, true);
  }

  queueInfo(idx: number, packed: boolean): QueueInfo {
    const { area } = this.channel;
    area.setUint32(INFO.INDEX, idx, true);
    this.ioctl(IOCTL.VQ_GET_INFO, 48);
    const word = (i: number) => area.getUint16(INFO.STATE + 2 * i, true);
    return {
      num: area.getUint32(INFO.NUM, true),
      desc: Number(area.getBigUint64(INFO.DESC, true)),
      driver: Number(area.getBigUint64(INFO.DRIVER, true)),
      device: Number(area.getBigUint64(INFO.DEVICE, true)),
      ready: area.getUint8(INFO.READY) !== 0,
      state: {
        split: { availIndex: packed ? 0 : word(0) },
        packed: packed
          ? {
              lastAvailCounter: word(0),
              lastAvailIdx: word(1),
              lastUsedCounter: word(2),
              lastUsedIdx: word(3),
            }
          : { lastAvailCounter: 1, lastAvailIdx: 0, lastUsedCounter: 1, lastUsedIdx: 0 },
      },
    };
  }

  /** Ask for kicks of queue `idx`: the eventfd is its cell. */
  setupKick(idx: number): void {
    this.channel.area.setUint32(0, idx, true);
    this.channel.area.setInt32(4, idx, true);
    this.post(IOCTL.VQ_SETUP_KICKFD, 8);
  }

  /** All mappings, found by asking for one after the other. */
  mappings(): IotlbEntry[] {
    const { area } = this.channel;
    const entries: IotlbEntry[] = [];
    for (let from = 0n; ; ) {
      area.setBigUint64(ENTRY.START, from, true);
      area.setBigUint64(ENTRY.LAST, 0xffff_ffff_ffff_ffffn, true);
      area.setUint32(ENTRY.ASID, 0, true);
      if (this.ioctl(IOCTL.IOTLB_GET_FD2, 80) < 0) return entries;
      const start = area.getBigUint64(ENTRY.START, true);
      const last = area.getBigUint64(ENTRY.LAST, true);
      entries.push({
        iova: Number(start),
        size: Number(last - start + 1n),
        addr: Number(area.getBigUint64(ENTRY.OFFSET, true)),
        perm: area.getUint8(ENTRY.PERM) as Perm,
      });
      from = last + 1n;
    }
  }

  /** DEV_SET_CONFIG: the configuration changes at `offset`. */
  setConfig(offset: number, bytes: Uint8Array): void {
    const { area } = this.channel;
    area.setUint32(0, offset, true);
    area.setUint32(4, bytes.length, true);
    bytes.forEach((byte, i) => {
      area.setUint8(8 + i, byte);
    });
    this.post(IOCTL.DEV_SET_CONFIG, 8 + bytes.length);
  }

  /** DEV_INJECT_CONFIG_IRQ. */
  configInterrupt(): void {
    this.#entry(ENTRY_KIND.CONFIG_IRQ, 0, 0, 0);
  }

  /** A frame leaves for the network behind the daemon; `queue` is where it came from. */
  frame(bytes: Uint8Array, queue: number, meta?: FrameMeta): void {
    const text = meta === undefined ? NO_TEXT : new TextEncoder().encode(JSON.stringify(meta));
    const size = bytes.length + text.length;
    const at = this.#entry(ENTRY_KIND.FRAME, text.length, size, queue, size);
    this.#journal.set(text, at);
    this.#journal.set(bytes, at + text.length);
  }

  /** VQ_INJECT_IRQ. */
  interrupt(idx: number): void {
    this.#entry(ENTRY_KIND.VQ_IRQ, 0, 0, idx);
  }

  // ── what was done to memory ───────────────────────────────────────────────────────────────────
  get traceReads(): boolean {
    return this.channel.cells[CELL.READS] !== 0;
  }
  wrote(addr: number, length: number): void {
    // A store larger than the journal is told in pieces: each takes effect as it is told.
    const most = 1 << 18;
    for (let done = 0; done < length; done += most) {
      const size = Math.min(most, length - done);
      const at = this.#entry(ENTRY_KIND.STORE, addr + done, size, 0, size);
      this.#journal.set(this.#memory.subarray(addr + done, addr + done + size), at);
    }
  }
  read(addr: number, length: number): void {
    this.#entry(ENTRY_KIND.LOAD, addr, length, 0);
  }
  fault(fault: DmaFault): void {
    const reason = ['unmapped', 'permission', 'bus'].indexOf(fault.reason);
    this.#entry(ENTRY_KIND.FAULT, fault.iova, fault.length, reason * 2 + (fault.access === 'write' ? 1 : 0));
  }

  /** Add an entry with room for `data` bytes. Returns where they go. */
  #entry(kind: number, addr: number, length: number, detail: number, data = 0): number {
    const { cells, journal } = this.channel;
    const size = ENTRY_HEAD + ((data + 7) & ~7);
    if (cells[CELL.JOURNAL] + size > journal.byteLength) this.yield(SAID.JOURNAL);
    const at = cells[CELL.JOURNAL];
    journal.setUint32(at, kind, true);
    journal.setUint32(at + 4, length, true);
    journal.setFloat64(at + 8, addr, true);
    journal.setUint32(at + 16, detail, true);
    cells[CELL.JOURNAL] = at + size;
    return at + ENTRY_HEAD;
  }
}
