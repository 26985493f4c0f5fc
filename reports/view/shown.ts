import {
  type CaseResult,
  type ResultRequirement,
  type ResultTarget,
  type ResultVerdict,
  worstVerdict,
} from '../results.ts';
import { isOtherDevice } from './coverage.ts';
import type { Shown } from './verdicts.ts';

/** What the matrix shows for a requirement and a target. */
export function shownVerdict(
  { decided, scope, verdicts, emulated }: ResultRequirement,
  at: number,
  target: ResultTarget,
): Shown {
  const verdict = verdicts[at] ?? 'none';
  if (emulated?.includes(at)) return 'emulated';
  if ((verdict === 'none' || verdict === 'skip') && isOtherDevice(scope, target)) {
    return decided.by === 'cases' ? 'other-device' : 'undecidable';
  }
  return verdict === 'none' && decided.by !== 'cases' ? 'undecidable' : verdict;
}

/** Worst verdict over instances; skipped ones count only when there is nothing else. */
export function worstOf(results: readonly CaseResult[]): ResultVerdict | 'none' {
  const verdicts = results.map(({ verdict }) => verdict);
  const ran = verdicts.filter((verdict) => verdict !== 'skip');
  return ran.length > 0 ? ran.reduce<ResultVerdict>(worstVerdict, 'pass') : (verdicts[0] ?? 'none');
}
