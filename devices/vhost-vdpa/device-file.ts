import { closeSync, openSync } from 'node:fs';
import { tryIoctl } from '../../framework/native/ioctl.ts';
import { attempt } from '../../framework/native/libc.ts';
import type { NodeHandle } from '../../framework/vhost-vdpa/client.ts';

/** A node that cannot be used, with what to do about it. */
export class DeviceFileError extends Error {
  readonly code = 'VHOST_VDPA';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.name = 'DeviceFileError';
    this.hint = hint;
  }
}

/** What opening a node may be refused with (Linux, `drivers/vhost/vdpa.c`), and what helps. */
const REFUSALS: Readonly<Record<string, string>> = {
  ENOENT: 'bind a vDPA device to the driver vhost_vdpa: `vdpa dev add …`, see `vdpa mgmtdev show`',
  EACCES: 'run as root, or give this user access to the node',
  EBUSY: 'one process at a time may have it open: end the other one (`fuser -v` names it)',
  ENXIO: 'load the kernel module vhost_vdpa',
  '-524': 'the device does DMA by itself and needs an IOMMU: boot the kernel with it (intel_iommu=on)',
};

/** An open `/dev/vhost-vdpa-N`. Opening and closing it resets the device. */
export class DeviceFile implements NodeHandle {
  readonly path: string;
  readonly #fd: number;
  #open = true;

  /** @throws DeviceFileError with a hint */
  constructor(path: string) {
    this.path = path;
    try {
      this.#fd = openSync(path, 'r+');
    } catch (error) {
      const { code, errno, message } = error as NodeJS.ErrnoException;
      const hint =
        REFUSALS[code ?? ''] ?? REFUSALS[String(errno)] ?? 'see the messages of the kernel (dmesg)';
      throw new DeviceFileError(`${path} cannot be opened: ${message}`, hint);
    }
  }

  /** Result of the request: 0 or more, or -errno. */
  ioctl(command: number, argument?: Uint8Array): number {
    return tryIoctl(this.#fd, command, argument ?? null);
  }

  /** Bytes written, or -errno. */
  write(message: Uint8Array): number {
    return attempt((libc) => libc.write(this.#fd, message, message.length));
  }

  /** Close; harmless when done before. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    // Not by the C library: Node remembers what a worker opened, and closes the number again when it ends.
    closeSync(this.#fd);
  }
}
