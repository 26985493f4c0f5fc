import type { History } from '../history/history.ts';

/** Which oracle saw it. */
export type OracleName = 'expectation' | 'model' | 'invariant' | 'contract' | 'run';

/** What an oracle holds against a history. */
export interface Finding {
  oracle: OracleName;
  /** Requirement or suite rule that is broken. */
  requirement: string;
  /** Index of the step during which it showed. */
  step: number;
  /** Every accepted outcome, in words. */
  expected: string;
  actual: string;
  /** `broken`: the requirement; `crash` and `hang`: of the parent; `blocked`: the steps could not be done. */
  kind: 'broken' | 'crash' | 'hang' | 'blocked';
  /** Counts as this at most, whatever the level of the requirement. */
  tier?: 'warn' | 'info';
  /** Index of the event in the history, where one can be named. */
  event?: number;
}

/** A pure function from a history to what is wrong with it. */
export type Oracle = (history: History) => Finding[];
