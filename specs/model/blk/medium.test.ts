import { describe, expect, it } from 'vitest';
import { type Issue, Medium, mayCache } from './medium.ts';

const FLUSH = 1n << 9n;
const CONFIG_WCE = 1n << 11n;
const OLD = new Uint8Array([1]);
const NEW = new Uint8Array([2]);

const at = (sector: number, count = 1) => [{ sector, count }];

/** A write of one sector from beginning to end. */
function write(medium: Medium, sector: number, content: Uint8Array, cached = false): void {
  medium.complete(medium.issue(cached, at(sector)), cached, () => content);
}
const read = (medium: Medium, sector: number) => medium.expected(sector, medium.issue(false));

describe('what a read must find', () => {
  it('is what was written last', () => {
    const medium = new Medium();
    write(medium, 8, OLD);
    write(medium, 8, NEW);
    expect([read(medium, 8), read(medium, 9)]).toEqual([NEW, undefined]);
  });

  it('is open beside a write in flight, whichever began first', () => {
    const medium = new Medium();
    write(medium, 8, OLD);
    const before = medium.issue(false);
    const writing = medium.issue(false, at(8));
    const beside = medium.issue(false);
    expect(medium.expected(8, before)).toBeUndefined();
    medium.complete(writing, false, () => NEW);
    expect([medium.expected(8, before), medium.expected(8, beside), read(medium, 8)]).toEqual([
      undefined,
      undefined,
      NEW,
    ]);
  });

  it('is open after two writes that overlapped', () => {
    const medium = new Medium();
    const [first, second] = [medium.issue(false, at(8, 2)), medium.issue(false, at(9, 2))];
    medium.complete(first, false, () => OLD);
    medium.complete(second, false, () => NEW);
    expect([8, 9, 10].map((sector) => read(medium, sector))).toEqual([OLD, undefined, NEW]);
  });

  it('is open after a write that failed, was forgotten by a reset or is told in parts', () => {
    const medium = new Medium();
    for (const sector of [1, 2, 3]) write(medium, sector, OLD);
    medium.complete(medium.issue(false, at(1)), false);
    medium.issue(false, at(2));
    medium.complete(medium.issue(false, at(3, 2)), false, (sector) => (sector === 3 ? undefined : NEW));
    expect([1, 2, 3, 4].map((sector) => read(medium, sector))).toEqual([
      undefined,
      undefined,
      undefined,
      NEW,
    ]);
  });

  it('is open where a range too wide to follow was changed', () => {
    const medium = new Medium();
    write(medium, 1_000_000, OLD);
    const looking = medium.issue(false);
    const wide: Issue = medium.issue(false, at(4, 2 ** 32 - 1));
    expect(read(medium, 1_000_000)).toBeUndefined();
    medium.complete(wide, false, () => NEW);
    expect([read(medium, 4), read(medium, 1_000_000), medium.expected(1_000_000, looking)]).toEqual([
      NEW,
      undefined,
      undefined,
    ]);
    write(medium, 1_000_000, OLD);
    expect(read(medium, 1_000_000)).toBe(OLD);
  });
});

describe('what a power cut leaves known', () => {
  it('a write of a driver without flush is stable once it is completed', () => {
    const medium = new Medium();
    write(medium, 8, NEW);
    medium.powerCut();
    expect(read(medium, 8)).toBe(NEW);
  });

  it('a write behind a cache is open, also where something stable was before', () => {
    const medium = new Medium();
    write(medium, 8, OLD);
    write(medium, 8, NEW, true);
    expect(read(medium, 8)).toBe(NEW);
    medium.powerCut();
    expect(read(medium, 8)).toBeUndefined();
  });

  it('a flush covers what was completed when it was issued, and nothing later', () => {
    const medium = new Medium();
    write(medium, 8, NEW, true);
    const flush = medium.issue(true);
    write(medium, 9, NEW, true);
    medium.flushed(flush);
    medium.powerCut();
    expect([read(medium, 8), read(medium, 9)]).toEqual([NEW, undefined]);
  });

  it('the cache counts as on when it was at either end of a write', () => {
    const medium = new Medium();
    medium.complete(medium.issue(true, at(8)), false, () => NEW);
    medium.complete(medium.issue(false, at(9)), true, () => NEW);
    write(medium, 10, NEW);
    medium.powerCut();
    expect([8, 9, 10].map((sector) => read(medium, sector))).toEqual([undefined, undefined, NEW]);
  });

  it('a write from before the cut that is looked at afterwards is open', () => {
    const medium = new Medium();
    const issue = medium.issue(true, at(8));
    medium.powerCut();
    medium.complete(issue, true, () => NEW);
    expect(read(medium, 8)).toBeUndefined();
  });
});

describe('whether a write may stay in a cache', () => {
  it('`writeback` tells where CONFIG_WCE is in force, otherwise FLUSH', () => {
    const never = () => {
      throw new Error('writeback is read without CONFIG_WCE');
    };
    expect([mayCache(0n, never), mayCache(FLUSH, never)]).toEqual([false, true]);
    expect([0, 1].map((mode) => mayCache(FLUSH | CONFIG_WCE, () => mode))).toEqual([false, true]);
  });
});
