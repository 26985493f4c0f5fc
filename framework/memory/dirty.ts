import type { Iova } from '../device.ts';

/** Bytes of guest memory that one bit of a dirty log stands for, as in the vhost log. */
export const DIRTY_PAGE = 4096;

/**
 * Where a device or its driver marks pages: one bit for each page from IOVA 0 on, bit `page % 8` of byte
 * `floor(page / 8)`, as in the vhost log (there guest physical addresses, which are the IOVAs).
 */
export interface DirtyLog {
  /** Physical address of the log: a multiple of {@link DIRTY_PAGE}. */
  readonly addr: number;
  /** The log as the driver sees it; whole pages. */
  readonly bytes: Uint8Array;
}

/** Tracking of the pages that a device writes, which live migration copies again. */
export interface DirtyTracking {
  /**
   * Mark pages in `log` from here on, rings included; marks are only ever added. 0 or -errno: -EBUSY while one is
   * in use, -EINVAL for a log that is not in whole pages.
   */
  start(log: DirtyLog): number;
  /**
   * Stop marking. Once it returns every page that was written since `start` is marked and nobody touches the log
   * any more. 0 or -errno; stopping what was not started is harmless.
   */
  stop(): number;
}

/** Numbers of the pages that `length` bytes from `iova` on lie in. */
export function pagesOf(iova: Iova, length: number): { first: number; last: number } {
  return { first: Math.floor(iova / DIRTY_PAGE), last: Math.floor((iova + length - 1) / DIRTY_PAGE) };
}
