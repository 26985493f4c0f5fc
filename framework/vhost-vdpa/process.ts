import type { GuestMemory } from '../memory/guest-memory.ts';
import { PAGE } from '../memory/guest-memory.ts';
import { FileTable } from './eventfd.ts';
import { UserMemory } from './user-memory.ts';

/** Where {@link processWith} puts guest memory: far from anything that is a physical address or an IOVA. */
export const USER_BASE = 0x7f00_0000_0000;

/** A process that uses a vhost-vdpa node: its memory, its open files, and a limit on pinned memory. */
export class UserProcess {
  readonly memory = new UserMemory();
  readonly files = new FileTable();
  /** RLIMIT_MEMLOCK in bytes. */
  readonly memlock: number;

  constructor(memlock = Number.POSITIVE_INFINITY) {
    this.memlock = memlock;
  }
}

/**
 * A process that has `guest` memory mapped in one piece from {@link USER_BASE} on, as a shared file, which is how
 * virtual machine monitors hand guest memory to devices. The user address of physical address `pa` is
 * `USER_BASE + pa`.
 */
export function processWith(guest: GuestMemory, memlock?: number): UserProcess {
  const process = new UserProcess(memlock);
  const size = Math.floor(guest.host.size / PAGE) * PAGE;
  if (size > 0)
    process.memory.map({
      start: USER_BASE,
      size,
      pages: 0,
      kind: 'shared-file',
      writable: true,
      file: 'guest-memory',
      offset: 0,
    });
  return process;
}
