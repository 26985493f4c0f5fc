import type { ProvenDefect } from '../../conformance/commands/context.ts';
import type { CaseProof } from './by-cases.ts';
import type { FuzzHit, SeedResult, ShrunkHit } from './by-fuzzing.ts';
import type { CheckedHit } from './check-hit.ts';

/** A piece of work that one worker does in one go. */
export type Unit =
  | { kind: 'cases'; defect: ProvenDefect; requirements: string[] }
  | { kind: 'seed'; defect: ProvenDefect; seed: number; limit: number }
  | { kind: 'shrink'; defect: ProvenDefect; hit: FuzzHit };

/** What a prove worker is started with. */
export interface ProveTask {
  /** Paths of the catalogue. */
  catalogue: string[];
  /** Goes up with everything that is run: the watchdog looks at it. For `seed` it is the sequence. */
  beat: SharedArrayBuffer;
}

/** What a worker says about its unit. `end` and `failed` are the last. */
export type ProveMessage =
  | { kind: 'ready' }
  | { kind: 'trying'; requirement: string; case: string; instance: string; target: string }
  | { kind: 'proof'; proof: CaseProof }
  | { kind: 'seed'; result: SeedResult }
  | { kind: 'shrunk'; shrunk: ShrunkHit }
  | { kind: 'checked'; checked: CheckedHit }
  | { kind: 'end' }
  | { kind: 'failed'; why: string };
