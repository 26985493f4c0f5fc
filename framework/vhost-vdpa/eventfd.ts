import { ERRNO } from '../device.ts';

/** Largest value of the counter: a write that would pass it blocks in the kernel, and is lost here. */
const MOST = 2n ** 64n - 2n;

/**
 * An eventfd as an object: a counter, and callbacks that take the place of the wait queue. A signal calls them at
 * once, one after another; the counter stays until somebody reads it.
 */
export class EventFd {
  #count: bigint;
  readonly #waiters = new Set<() => void>();

  constructor(count = 0n) {
    this.#count = count;
  }

  get count(): bigint {
    return this.#count;
  }

  /** write(2) of `by`: add to the counter and wake all waiters. */
  signal(by = 1n): void {
    if (this.#count + by <= MOST) this.#count += by;
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** read(2): the counter, which becomes 0. @returns -EAGAIN when it is 0 already */
  read(): bigint | number {
    if (this.#count === 0n) return -ERRNO.EAGAIN;
    const count = this.#count;
    this.#count = 0n;
    return count;
  }

  /** Call `waiter` at every signal. @returns what ends it */
  wait(waiter: () => void): () => void {
    this.#waiters.add(waiter);
    return () => void this.#waiters.delete(waiter);
  }
}

/** The open files of a process, by number. */
export class FileTable {
  readonly #files = new Map<number, unknown>();

  /** Install `file` at the lowest free number from 3 on. */
  open(file: unknown): number {
    let fd = 3;
    while (this.#files.has(fd)) fd++;
    this.#files.set(fd, file);
    return fd;
  }

  close(fd: number): void {
    this.#files.delete(fd);
  }

  /** eventfd(2). */
  eventfd(count = 0n): { fd: number; event: EventFd } {
    const event = new EventFd(count);
    return { fd: this.open(event), event };
  }

  /** The eventfd behind `fd`. @returns -EBADF for a number that is not open, -EINVAL for another kind of file */
  eventfdAt(fd: number): EventFd | number {
    if (!this.#files.has(fd)) return -ERRNO.EBADF;
    const file = this.#files.get(fd);
    return file instanceof EventFd ? file : -ERRNO.EINVAL;
  }
}
