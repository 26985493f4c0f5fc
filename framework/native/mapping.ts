import { NativeError, SystemError } from './errors.ts';
import { native } from './libc.ts';

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/**
 * A shared mapping of a file or device. `buffer` works with typed arrays and `Atomics`, across processes.
 * After {@link dispose} nothing may touch views of it any more: the process would die by SIGSEGV.
 */
export class Mapping {
  /** Address in this process. */
  readonly address: bigint;
  readonly size: number;
  #buffer: ArrayBuffer | null;

  /** Map `size` bytes of `fd` from `offset` (whole pages), readable and writable. */
  constructor(fd: number, size: number, offset = 0) {
    const { koffi, libc } = native();
    const at = BigInt(libc.mmap(null, size, PROT_READ_WRITE, MAP_SHARED, fd, offset));
    if (at === MAP_FAILED)
      throw new SystemError('mmap', `fd ${fd}, ${size} bytes at ${offset}`, koffi.errno());
    this.address = at;
    this.size = size;
    this.#buffer = koffi.view(at, size);
  }

  /** The memory. */
  get buffer(): ArrayBuffer {
    if (this.#buffer === null)
      throw new NativeError('the mapping was disposed of', 'keep its owner alive for as long as it is used');
    return this.#buffer;
  }

  /** Unmap; harmless when done before. */
  dispose(): void {
    if (this.#buffer === null) return;
    this.#buffer = null;
    const { koffi, libc } = native();
    if (libc.munmap(this.address, this.size) < 0)
      throw new SystemError('munmap', `${this.size} bytes`, koffi.errno());
  }
}
