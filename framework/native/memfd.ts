import { closeFd } from './fd.ts';
import { check } from './libc.ts';

const MFD_CLOEXEC = 1;

/**
 * Create anonymous shared memory of `size` bytes, zeroed. Returns the fd; it is closed in children that do
 * not ask for it.
 */
export function createMemfd(name: string, size: number): number {
  const fd = check('memfd_create', name, (c) => c.memfd_create(name, MFD_CLOEXEC));
  try {
    check('ftruncate', `${name}, ${size}`, (c) => c.ftruncate(fd, size));
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  return fd;
}
