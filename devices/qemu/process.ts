import { DeviceFailure } from '../../framework/device-failure.ts';
import { Child, type SpawnOptions, signalName } from '../../framework/native/child.ts';
import { PeerClosedError, TimeLimitError } from '../../framework/native/errors.ts';
import { POLL, poll, tryRead } from '../../framework/native/fd.ts';
import { isWorking, processorMs, traces } from '../../framework/native/process-state.ts';

/** A QEMU that used so much processor time on one answer loops, in milliseconds; on its first one it starts. */
const BUSY_MS = 600;
const STARTING_MS = 5000;
/** The same where it did nothing in this time that the kernel could see: it read, wrote and touched nothing new. */
const TRACELESS_MS = 250;
/** A QEMU that gave no answer for so long hangs: one that waits for something, and one that wants to run. */
const SILENT_MS = 4000;
const STARVED_MS = 20_000;
/** How often to look at its processor time while it gives no answer. */
const LOOK_MS = 50;

/** Lines with which a program explains its own end. */
const FAILURE = /assertion|\bERROR:|Bail out|AddressSanitizer|runtime error|terminated|corrupted|free\(\)/i;

/** A running QEMU: watched on every exchange, ended with its owner. */
export class QemuProcess {
  readonly #child: Child;
  /** Bytes of its output that belong to earlier sessions. */
  #heard = 0;
  /** It has answered once. */
  #started = false;
  /** A failure was told: whatever it is worth, it is not used again. */
  failed = false;

  /** @throws NativeError when the program is missing */
  constructor(program: string, args: readonly string[], options: SpawnOptions) {
    this.#child = new Child(program, args, options);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get alive(): boolean {
    return this.#child.status === null;
  }

  /** Run an exchange; the end of the connection becomes a {@link DeviceFailure}. */
  guard<T>(what: string, exchange: () => T): T {
    try {
      return exchange();
    } catch (error) {
      if (error instanceof PeerClosedError) throw this.death();
      if (error instanceof TimeLimitError)
        throw this.#lost('DEVICE_HUNG', `QEMU takes nothing more over ${what}${this.said()}`);
      throw error;
    }
  }

  /**
   * Read what the program says over `what`: the bytes put into `bytes`, or 0 when it was waited for and should be
   * tried again.
   * @throws DeviceFailure
   */
  read(what: string, fd: number, bytes: Uint8Array): number {
    const got = this.guard(what, () => tryRead(fd, bytes));
    if (got > 0) this.#started = true;
    else this.#waitFor(fd);
    return got;
  }

  /**
   * Wait until `fd` has something to read. A limit in wall time alone would blame QEMU for a machine that is busy
   * elsewhere, so what it used of the processor counts, and less of it where nothing comes of it.
   */
  #waitFor(fd: number): void {
    const entries = [
      { fd, events: POLL.IN },
      { fd: this.#child.pidfd, events: POLL.IN },
    ];
    const begun = performance.now();
    const used = processorMs(this.pid);
    let last = { traces: traces(this.pid), at: used };
    for (;;) {
      if (poll(entries, LOOK_MS) > 0) {
        // What it said before it died comes first.
        const [data, end] = entries as { happened?: number }[];
        if ((data.happened ?? 0) !== 0) return;
        if ((end.happened ?? 0) !== 0) throw this.death();
      }
      const silent = performance.now() - begun;
      const now = { traces: traces(this.pid), at: processorMs(this.pid) };
      if (now.traces !== last.traces) last = now;
      const busy = now.at - used;
      if (
        busy >= (this.#started ? BUSY_MS : STARTING_MS) ||
        (this.#started && now.at - last.at >= TRACELESS_MS) ||
        silent >= STARVED_MS ||
        (silent >= SILENT_MS && !isWorking(this.pid))
      )
        throw this.#lost(
          'DEVICE_HUNG',
          `QEMU gives no answer (${Math.round(silent)} ms, ${busy} ms of processor time)${this.said()}`,
        );
    }
  }

  /** The failure that tells how it ended. */
  death(): DeviceFailure {
    const status = this.#child.wait(2000);
    const how =
      status === null
        ? 'closed its connection'
        : status.signal !== null
          ? `died of ${signalName(status.signal)}`
          : `exited with code ${status.code}`;
    return this.#lost('DEVICE_DIED', `QEMU ${how}${this.said()}`);
  }

  #lost(code: DeviceFailure['code'], message: string): DeviceFailure {
    this.failed = true;
    return new DeviceFailure(code, message);
  }

  /** What it wrote to standard error before now belongs to sessions that are over. */
  forget(): void {
    this.#heard = this.#child.written();
  }

  /** What it wrote to standard error in this session: the assertion that failed, or the last lines. */
  said(lines = 4): string {
    const all = this.#child
      .output(this.#heard)
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.includes('possibly poor performance'));
    const failed = all.filter((line) => FAILURE.test(line));
    const text = (failed.length > 0 ? failed : all).slice(-lines).join(' | ');
    return text === '' ? '' : `: ${text}`;
  }

  /** Kill it and wait for its end. */
  dispose(): void {
    this.#child.dispose();
  }
}
