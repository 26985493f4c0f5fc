import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProvenDefect } from '../../conformance/commands/context.ts';
import { Board } from './board.ts';
import { type DefectProof, openProof } from './proof.ts';
import { PROVE_VERSION, readProofs } from './resume.ts';

const DEFECT: ProvenDefect = {
  id: 'area/wrong',
  parents: ['simulator-blk'],
  breaks: ['V1.1-2.1.2-D1', 'V1.1-2.1.2-D2'],
  what: 'is wrong',
  fuzz: 'yes',
};
const FOUND = { requirement: 'V1.1-2.1.2-D1', case: 'a/b', instance: 'a/b', target: 't', verdict: 'fail' };

/** A proof with one requirement proved, one hit and one miss of `limit` sequences, shrunk and run again. */
function earlier(limit: number): DefectProof {
  const proof = openProof(DEFECT, { seeds: 2, limit });
  proof.requirements[0].proof = { ...FOUND, expected: '', actual: '' };
  Object.assign(proof.fuzz!, {
    seeds: [7, null],
    shrunk: { steps: [], requirement: 'V1.1-2.1.2-D1', actual: '' },
    checked: { replays: 100, case: '' },
  });
  return proof;
}

const queued = (proof: DefectProof, options: { seeds: number; limit: number; again?: boolean }) =>
  new Board([DEFECT], { fuzzing: true, ...options, earlier: new Map([[proof.id, proof]]) }).queue.map(
    (unit) => (unit.kind === 'cases' ? unit.requirements : unit.kind === 'seed' ? unit.seed : unit.kind),
  );

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vdpa-cts-prove-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a proof that is resumed', () => {
  it('runs only what was not run', () => {
    expect(queued(earlier(500), { seeds: 3, limit: 500 })).toEqual([['V1.1-2.1.2-D2'], 3]);
  });

  it('tries misses again when it may take longer, or is told to', () => {
    expect(queued(earlier(500), { seeds: 2, limit: 600 })).toEqual([['V1.1-2.1.2-D2'], 2]);
    expect(queued(earlier(500), { seeds: 2, limit: 500, again: true })).toEqual([['V1.1-2.1.2-D2'], 2]);
  });

  it('does not take over what took longer than it may', () => {
    expect(queued(earlier(500), { seeds: 2, limit: 6 })).toEqual([['V1.1-2.1.2-D2'], 1]);
  });

  it('finds a hit again that was not shrunk', () => {
    const proof = earlier(500);
    proof.fuzz!.shrunk = null;
    expect(queued(proof, { seeds: 2, limit: 500 })).toEqual([['V1.1-2.1.2-D2'], 1]);
  });

  it('is read from what prove wrote, and from nothing else', () => {
    const path = join(folder, 'prove.json');
    writeFileSync(path, JSON.stringify({ version: PROVE_VERSION, defects: [earlier(500)] }));
    expect(readProofs(path).get('area/wrong')).toEqual(earlier(500));
    writeFileSync(path, '{"version": 0}');
    expect(() => readProofs(path)).toThrow('cannot be resumed');
    expect(() => readProofs(join(folder, 'none.json'))).toThrow('cannot be resumed');
  });
});
