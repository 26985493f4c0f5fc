import type { DESC_F } from '../../specs/virtio-1.1/ring-layout.ts';

/**
 * Descriptor flags as plain numbers, for the paths that every buffer takes: the bundler puts exported numbers
 * into the code, where fields of an object, or numbers of the same file, would be loaded each time.
 */
export const NEXT: (typeof DESC_F)['NEXT'] = 0x1;
export const WRITE: (typeof DESC_F)['WRITE'] = 0x2;
export const INDIRECT: (typeof DESC_F)['INDIRECT'] = 0x4;
export const AVAIL: (typeof DESC_F)['AVAIL'] = 0x80;
export const USED: (typeof DESC_F)['USED'] = 0x8000;
/** Both marks of a packed descriptor. */
export const MARKS = 0x8080;
