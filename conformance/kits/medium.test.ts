import { describe, expect, it } from 'vitest';
import type { Session } from '../session/session.ts';
import { Medium } from './medium.ts';

const FLUSH = 1n << 9n;
const CONFIG_WCE = 1n << 11n;
const OLD = new Uint8Array([1]);
const NEW = new Uint8Array([2]);

/** As much of a session as a medium looks at. */
function sessionWith(features: bigint) {
  const state = { features, writeback: 1 };
  const session = {
    get features() {
      return state.features;
    },
    recorded: { quiet: 0 },
    ops: { getConfig: (_offset: number, into: Uint8Array) => into.fill(state.writeback) },
  };
  return { state, medium: new Medium(session as unknown as Session) };
}

describe('what a power cut leaves known', () => {
  it('a write of a driver without flush is stable once it is completed', () => {
    const { medium } = sessionWith(0n);
    medium.learn(8, NEW, medium.issue());
    medium.powerCut();
    expect(medium.get(8)).toBe(NEW);
  });

  it('a write behind a cache is open, also where something stable was before', () => {
    const { medium, state } = sessionWith(0n);
    medium.learn(8, OLD, medium.issue());
    state.features = FLUSH;
    medium.learn(8, NEW, medium.issue());
    expect(medium.get(8)).toBe(NEW);
    medium.powerCut();
    expect(medium.get(8)).toBeUndefined();
  });

  it('a flush covers what was completed when it was issued, and nothing later', () => {
    const { medium } = sessionWith(FLUSH);
    medium.learn(8, NEW, medium.issue());
    const flush = medium.issue();
    medium.learn(9, NEW, medium.issue());
    medium.flushed(flush);
    medium.powerCut();
    expect([medium.get(8), medium.get(9)]).toEqual([NEW, undefined]);
  });

  it('the cache counts as on when it was at either end of a write', () => {
    const { medium, state } = sessionWith(CONFIG_WCE);
    const issue = medium.issue();
    state.writeback = 0;
    medium.learn(8, NEW, issue);
    medium.learn(9, NEW, medium.issue());
    medium.powerCut();
    expect([medium.get(8), medium.get(9)]).toEqual([undefined, NEW]);
  });

  it('a write from before the cut that is looked at afterwards is open', () => {
    const { medium } = sessionWith(FLUSH);
    const issue = medium.issue();
    medium.powerCut();
    medium.learn(8, NEW, issue);
    expect(medium.get(8)).toBeUndefined();
  });
});
