import type { Position } from '../loader/case.ts';

/** A finding that is known and accepted for the time being: what a waiver says. */
export interface Expectation {
  readonly id: string;
  /** Pattern over targets as named on the command line; default: all. */
  readonly target?: string;
  /** Patterns over ids of cases or instances. */
  readonly instances: readonly string[];
  readonly verdict: 'warn' | 'fail' | 'hang' | 'crash' | 'blocked';
  /** Rules that the findings may cite, and no others. */
  readonly requirements?: readonly string[];
  /** The finding depends on timing: an instance that passes is no surprise. */
  readonly sometimes?: true;
  readonly reason: string;
  readonly reference?: string;
  /** Last day, YYYY-MM-DD. */
  readonly expires?: string;
  readonly position: Position;
}
