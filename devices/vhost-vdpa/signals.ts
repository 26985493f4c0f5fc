import { EventFd } from '../../framework/native/eventfd.ts';
import { POLL, type PollEntry, poll } from '../../framework/native/fd.ts';

/** An eventfd that the kernel signals, and who is told. */
interface Signal {
  readonly event: EventFd;
  readonly entry: PollEntry;
  listener: (() => void) | null;
}

/** What {@link Signals} watches: a queue by index, or the configuration space. */
export type Source = number | 'config';

/** The eventfds of one open node: kicks to the device, and notifications from it. */
export class Signals {
  readonly #kicks = new Map<number, EventFd>();
  readonly #calls = new Map<Source, Signal>();

  /** The kick of queue `idx`; `attach` is called with its fd when it is made. */
  kick(idx: number, attach: (fd: number) => void): EventFd {
    let event = this.#kicks.get(idx);
    if (event === undefined) {
      event = new EventFd();
      this.#kicks.set(idx, event);
      attach(event.fd);
    }
    return event;
  }

  /** Listen to `source` from now on; what was signalled before goes to the listener before. Returns the fd. */
  listen(source: Source, listener: (() => void) | null): number {
    let signal = this.#calls.get(source);
    if (signal === undefined) {
      const event = new EventFd();
      signal = { event, entry: { fd: event.fd, events: POLL.IN }, listener: null };
      this.#calls.set(source, signal);
    } else this.#tell(signal);
    signal.listener = listener;
    return signal.event.fd;
  }

  /** Call every listener once for each signal that has come. Returns whether any had. */
  deliver(): boolean {
    return this.wait(0);
  }

  /** Wait at most `ms` milliseconds for signals, then call the listeners. Returns whether any had come. */
  wait(ms: number): boolean {
    const signals = [...this.#calls.values()];
    let any = false;
    // poll takes 64 at a time; only the first lot is waited for when there are more queues than that.
    for (let at = 0; at === 0 || at < signals.length; at += 64) {
      const lot = signals.slice(at, at + 64);
      if (
        poll(
          lot.map(({ entry }) => entry),
          at === 0 ? ms : 0,
        ) === 0
      )
        continue;
      for (const signal of lot) any = this.#tell(signal) || any;
    }
    return any;
  }

  #tell({ event, listener }: Signal): boolean {
    const count = event.drain();
    if (listener !== null) for (let i = 0; i < count; i++) listener();
    return count > 0 && listener !== null;
  }

  dispose(): void {
    for (const event of this.#kicks.values()) event.dispose();
    for (const { event } of this.#calls.values()) event.dispose();
  }
}
