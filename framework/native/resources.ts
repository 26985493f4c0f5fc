import { closeFd } from './fd.ts';

/** Anything that has to be released. */
export interface Disposable {
  dispose(): void;
}

/**
 * Owner of descriptors, mappings, children, files: releases them in reverse order, each once, even when some
 * fail to go.
 */
export class Resources implements Disposable {
  #items: { item: unknown; release: () => void }[] = [];

  /** Release `item` with the others. Returns it. */
  own<T extends Disposable>(item: T): T {
    this.#items.push({ item, release: () => item.dispose() });
    return item;
  }

  /** Close `fd` with the others. Returns it. */
  ownFd(fd: number): number {
    this.#items.push({ item: fd, release: () => closeFd(fd) });
    return fd;
  }

  /** Call `release` with the others. */
  defer(release: () => void): void {
    this.#items.push({ item: release, release });
  }

  /** Release one of them now: an object given to {@link own}, or an fd given to {@link ownFd}. */
  release(item: Disposable | number): void {
    const at = this.#items.findLastIndex((one) => one.item === item);
    if (at < 0) return;
    const [{ release }] = this.#items.splice(at, 1);
    release();
  }

  /** Release everything. The first error is thrown after all were tried. */
  dispose(): void {
    const errors: unknown[] = [];
    for (let one = this.#items.pop(); one !== undefined; one = this.#items.pop()) {
      try {
        one.release();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
