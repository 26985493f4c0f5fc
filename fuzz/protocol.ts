import type { History } from '../conformance/history/history.ts';
import type { Finding } from '../conformance/oracles/finding.ts';
import type { Sequence } from './sequence.ts';
import type { Reproduced } from './shrink.ts';
import type { Focus } from './strategy.ts';

/** What a fuzz worker is told. */
export interface FuzzTask {
  target: string;
  /** Target to compare with while shrinking: a right device of the same type; '' for none. */
  reference: string;
  seed: number;
  runs: number | null;
  focus: Focus[];
  guidance: boolean;
  /** Shots that are sent ahead instead of sequences. */
  burst: boolean;
  /** Sequences of a few steps on one queue instead of whole sessions. */
  small: boolean;
  /** Ask V8 for code coverage per batch as well. */
  codeCoverage: boolean;
  corpus: Sequence[];
  /** Send the kept sequences along with progress; off where nobody stores them. */
  collect: boolean;
  /** Buckets that need not be shrunk any more. */
  known: string[];
  /** Requirements whose findings do not count. */
  ignored: string[];
  /** Milliseconds that shrinking one finding may take, where the device lies outside the suite. */
  shrinkMs: number;
  /** Element 0: sequence that runs now; element 1: set to stop; element 2: counts runs, for the watchdog. */
  control: SharedArrayBuffer;
  /** The sequence that runs now (`LastSequence`), for devices outside the suite. */
  last: SharedArrayBuffer;
}

/** A finding, shrunk, with all that is written about it. */
export interface FoundBug {
  bucket: string;
  at: number;
  original: Sequence;
  sequence: Sequence;
  finding: Finding;
  history: History;
  /** The shrunk sequence as a case, and the whole one that hit. */
  yaml: string;
  whole: string;
  runs: number;
  reproduced?: Reproduced;
}

export type FuzzMessage =
  | {
      kind: 'progress';
      count: number;
      steps: number;
      /** Model states × ops × requirements that were seen. */
      states: number;
      /** Shots of a burst that were run step by step. */
      examined: number;
      hits: Record<string, number>;
      fresh: Sequence[];
      heapMb: number;
    }
  /** A finding as it came, before it is shrunk: kept in case the worker is lost meanwhile. */
  | { kind: 'seen'; bug: FoundBug }
  | { kind: 'found'; bug: FoundBug }
  /** With a hint where the user can mend it. */
  | { kind: 'refused'; message: string; hint?: string }
  | { kind: 'done' };
