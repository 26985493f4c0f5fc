import { ERRNO, type IotlbEntry } from '../../../framework/device.ts';
import { DeviceFailure } from '../../../framework/device-failure.ts';
import type { DevicePort } from '../../../framework/memory/host-memory.ts';
import type { TakenFrame } from '../../../framework/peer.ts';
import { CELL, putBytes, putText, SAID } from '../channel.ts';
import type { Command } from '../daemon/main.ts';
import { ENTRY, IOCTL, PAYLOAD, RESULT } from '../protocol.ts';
import { DaemonThread, type Silence } from './daemon-thread.ts';
import { type JournalSink, replay } from './journal.ts';

/** Answers the ioctls of a daemon; the argument is in the area. Returns 0 or -errno. */
export type IoctlHandler = (request: number, area: DataView, length: number) => number;

/** The device node between kernel and daemon: messages with their ids, turns, mappings, interrupts that are due. */
export class VduseNode implements JournalSink {
  readonly thread: DaemonThread;
  readonly port: DevicePort;
  /** Milliseconds that an answer may take. */
  timeout: number;
  readonly #ioctl: IoctlHandler;
  readonly #host: Uint8Array;
  readonly #mirror: Uint8Array;
  #id = 0;
  #table: readonly IotlbEntry[] = [];
  /** Mappings that the daemon holds a file of. */
  #given = new Set<IotlbEntry>();
  /** Why no daemon serves the device any more; undefined while one does. */
  broken: Silence | undefined = undefined;
  /** Frames that the daemon sent to the network behind it. */
  readonly sent: TakenFrame[] = [];
  /** Interrupts to deliver, in their order: queues, and -1 for the configuration. */
  readonly #due: number[] = [];
  #destroyed = false;

  constructor(port: DevicePort, timeout: number, ioctl: IoctlHandler) {
    this.port = port;
    this.timeout = timeout;
    this.#ioctl = ioctl;
    this.thread = DaemonThread.take(port.size);
    this.#host = port.bytes;
    this.#mirror = new Uint8Array(this.thread.channel.memory);
  }

  // ── what the journal tells ────────────────────────────────────────────────────────────────────
  injectQueue(idx: number): void {
    this.#due.push(idx);
  }
  injectConfig(): void {
    this.#due.push(-1);
  }
  frame(frame: TakenFrame): void {
    this.sent.push(frame);
  }
  posted(request: number, argument: DataView): void {
    this.#ioctl(request, argument, argument.byteLength);
  }

  /** Nobody answers any more. */
  get #gone(): boolean {
    return this.#destroyed || this.broken !== undefined;
  }

  get cells(): Int32Array {
    return this.thread.channel.cells;
  }

  /** What is mapped from now on; the daemon has to ask again. */
  setTable(table: readonly IotlbEntry[]): void {
    this.#table = table;
    this.#given.clear();
  }

  /**
   * Send a message and wait for its answer; `fill` stores the payload. Returns the payload of the answer, or null: it
   * failed, it came too late or under a wrong id, or there is nobody to answer. A daemon that has no business in memory
   * for this (`blind`) sees it as it was.
   */
  request(type: number, fill: (payload: DataView) => void = () => {}, blind = false): DataView | null {
    if (this.#gone) return null;
    const { message } = this.thread.channel;
    new Uint8Array(message.buffer, message.byteOffset, message.byteLength).fill(0);
    const id = this.#id++;
    message.setUint32(0, type, true);
    message.setUint32(4, id, true);
    const payload = new DataView(message.buffer, message.byteOffset + PAYLOAD, 128);
    fill(payload);
    if (!this.#exchange(SAID.MESSAGE, blind)) return null;
    const reserved = message.getBigUint64(8, true) | message.getBigUint64(16, true);
    if (message.getUint32(0, true) !== id || reserved !== 0n) {
      // The answer is refused, and nobody will give another one until it is too late.
      this.break('late');
      return null;
    }
    return message.getUint32(4, true) === RESULT.OK ? payload : null;
  }

  /** Tell the daemon's own control something, and hand over `bytes` with it. */
  command(command: Command, bytes?: Uint8Array): void {
    if (this.#gone) return;
    if (bytes !== undefined) putBytes(this.thread.channel, bytes);
    putText(this.thread.channel, JSON.stringify(command));
    // It works on queues in a turn of its own.
    this.#exchange(SAID.COMMAND, true);
  }

  /**
   * Let the daemon work. Returns the units done.
   * @throws DeviceFailure when there is no daemon any more
   */
  work(budget: number): number {
    this.check();
    const { cells } = this;
    cells[CELL.VALUE] = budget;
    if (!this.#exchange(SAID.WORK)) this.check();
    return cells[CELL.VALUE];
  }

  /** @throws DeviceFailure when there is no daemon any more */
  check(): void {
    if (this.broken === 'closed') throw new DeviceFailure('DEVICE_DIED', 'the VDUSE daemon is gone');
    if (this.broken === 'late')
      throw new DeviceFailure('DEVICE_HUNG', 'the VDUSE daemon did not answer: the device is broken');
  }

  /** The device is broken: no daemon will serve it any more. */
  break(why: Silence): void {
    this.broken ??= why;
    this.#due.length = 0;
  }

  /** The next interrupt that is due; undefined when there is none. */
  nextInterrupt(): number | undefined {
    return this.#due.shift();
  }

  dropInterrupts(): void {
    this.#due.length = 0;
  }

  /** The device is destroyed. */
  close(): void {
    if (this.#destroyed) return;
    if (this.broken === undefined) this.thread.giveBack();
    else this.thread.end();
    this.#destroyed = true;
  }

  /** One turn of the daemon, with the ioctls that it needs. False when it says nothing. */
  #exchange(said: number, blind = false): boolean {
    const { thread, cells } = this;
    const { channel } = thread;
    if (!blind) this.#copyIn();
    cells[CELL.READS] = this.port.traceReads ? 1 : 0;
    for (let saying = said; ; ) {
      const answer = thread.turn(saying, this.timeout);
      if (typeof answer === 'string') {
        this.break(answer);
        return false;
      }
      replay(channel, this.port, this);
      if (answer === SAID.IOCTL) cells[CELL.VALUE] = this.#serve(cells[CELL.VALUE] >>> 0, cells[CELL.LENGTH]);
      else if (answer === SAID.JOURNAL) this.#copyIn();
      else return true;
      saying = answer;
    }
  }

  #serve(request: number, length: number): number {
    const { area } = this.thread.channel;
    return request === IOCTL.IOTLB_GET_FD2 ? this.getFd(area) : this.#ioctl(request, area, length);
  }

  /** IOTLB_GET_FD2: the first entry that overlaps the range asked for, and its file. */
  getFd(area: DataView): number {
    const start = area.getBigUint64(ENTRY.START, true);
    const last = area.getBigUint64(ENTRY.LAST, true);
    if (start > last || area.getUint32(ENTRY.ASID, true) !== 0) return -ERRNO.EINVAL;
    const end = ({ iova, size }: IotlbEntry) => BigInt(iova) + BigInt(size) - 1n;
    const entry = this.#table.find((row) => end(row) >= start && BigInt(row.iova) <= last);
    if (entry === undefined) return -ERRNO.EINVAL;
    area.setBigUint64(ENTRY.OFFSET, BigInt(entry.addr), true);
    area.setBigUint64(ENTRY.START, BigInt(entry.iova), true);
    area.setBigUint64(ENTRY.LAST, end(entry), true);
    area.setUint8(ENTRY.PERM, entry.perm);
    this.#given.add(entry);
    this.#copy(entry);
    return 0;
  }

  /** What the daemon has mapped shows what the driver stored since. */
  #copyIn(): void {
    for (const entry of this.#given) this.#copy(entry);
  }

  #copy({ addr, size }: IotlbEntry): void {
    const end = Math.min(addr + size, this.#host.length);
    if (addr < end) this.#mirror.set(this.#host.subarray(addr, end), addr);
  }
}
