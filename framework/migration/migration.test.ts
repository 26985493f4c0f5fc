import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PERM } from '../device.ts';
import { DIRTY_PAGE } from '../memory/dirty.ts';
import { ControlRecord } from './control-record.ts';
import { PreCopy } from './pre-copy.ts';

const acknowledged = (...commands: number[][]) => {
  const record = new ControlRecord();
  for (const bytes of commands) record.acknowledged(Uint8Array.from(bytes));
  return record.commands().map(({ class: kind, command, data }) => [kind, command, ...data]);
};

describe('a record of control commands', () => {
  it('has the last value of each receive mode, table and address', () => {
    expect(acknowledged([0, 0, 1], [0, 1, 1], [0, 0, 0])).toEqual([
      [0, 0, 0],
      [0, 1, 1],
    ]);
    expect(acknowledged([1, 1, 2, 0, 0, 0, 0, 1], [1, 1, 2, 0, 0, 0, 0, 2])).toEqual([
      [1, 1, 2, 0, 0, 0, 0, 2],
    ]);
  });

  it('has the VLANs that were added and not removed', () => {
    expect(acknowledged([2, 0, 5, 0], [2, 0, 6, 1], [2, 1, 5, 0])).toEqual([[2, 0, 6, 1]]);
  });

  it('has nothing of an announcement that was acknowledged', () => {
    expect(acknowledged([3, 0])).toEqual([]);
  });

  it('given to a fresh record gives the same commands', () => {
    const command = fc.tuple(fc.constantFrom(0, 1, 2, 4, 5), fc.constantFrom(0, 1), fc.nat(3), fc.nat(3));
    fc.assert(
      fc.property(fc.array(command, { maxLength: 20 }), (commands) => {
        const once = acknowledged(...commands);
        expect(acknowledged(...once)).toEqual(once);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe('a pre-copy', () => {
  const PAGES = 16;
  const rig = () => {
    const source = new Uint8Array(PAGES * DIRTY_PAGE);
    const entry = { iova: 0x40_0000, size: PAGES * DIRTY_PAGE, addr: 0, perm: PERM.RW };
    return { source, copy: new PreCopy(source, () => [entry]) };
  };

  it('sends everything once, then what is dirty, and ends with the same memory', () => {
    const writes = fc.array(fc.array(fc.nat(PAGES * DIRTY_PAGE - 1), { maxLength: 8 }), { maxLength: 5 });
    fc.assert(
      fc.property(writes, (rounds) => {
        const { source, copy } = rig();
        let again = 0;
        for (const places of rounds) {
          for (const at of places) source[at] ^= 0xff;
          const dirty = new Set(places.map((at) => Math.floor(at / DIRTY_PAGE)));
          again += dirty.size;
          expect(copy.round((page) => dirty.has(page - 0x400))).toBe(dirty.size);
        }
        expect(copy.differences()).toEqual([]);
        expect(copy.figures).toEqual({ rounds: rounds.length + 1, sent: PAGES + again, resent: again });
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('tells the pages that nobody marked, and the guest finds what was copied of them', () => {
    const { source, copy } = rig();
    source[5 * DIRTY_PAGE + 7] = 1;
    copy.round(() => false);
    expect(copy.differences()).toEqual([[0x405, 5 * DIRTY_PAGE]]);
    copy.switchOver();
    expect(source[5 * DIRTY_PAGE + 7]).toBe(0);
  });
});
