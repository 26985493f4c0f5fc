import { SystemError } from './errors.ts';
import { closeFd, waitReadable } from './fd.ts';
import { attempt, check } from './libc.ts';

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
const EAGAIN = 11;

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);
const count = new BigUint64Array(1);
const countBytes = new Uint8Array(count.buffer);

/** A counter that a process adds to and another waits for: kicks and calls of virtqueues. */
export class EventFd {
  readonly fd: number;
  #open = true;

  constructor() {
    this.fd = check('eventfd', '', (c) => c.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  }

  /** Add one. A counter that is full stays as it is: it is signalled all the same. */
  signal(): void {
    const sent = attempt((c) => c.write(this.fd, ONE, 8));
    if (sent < 0 && sent !== -EAGAIN) throw new SystemError('write', `eventfd ${this.fd}`, -sent);
  }

  /** Take the count, which becomes 0. Returns how often it was signalled since the last time. */
  drain(): number {
    const got = attempt((c) => c.read(this.fd, countBytes, 8));
    if (got === -EAGAIN) return 0;
    if (got < 0) throw new SystemError('read', `eventfd ${this.fd}`, -got);
    return Number(count[0]);
  }

  /** Whether it is signalled within `ms` milliseconds; the count stays. */
  wait(ms: number): boolean {
    return waitReadable(this.fd, ms);
  }

  /** Close; harmless when done before. */
  dispose(): void {
    if (!this.#open) return;
    this.#open = false;
    closeFd(this.fd);
  }
}
