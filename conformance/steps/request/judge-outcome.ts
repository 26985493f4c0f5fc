import type { RequestOutcome } from '../../session/requests.ts';
import type { Problem } from '../step.ts';

/** What is wrong with the outcome of a request. */
export function judgeOutcome(
  outcome: RequestOutcome,
  len: 'bounded' | 'exact' | 'any' = 'bounded',
): Problem[] {
  const { name } = outcome;
  if (!outcome.used) return [{ expected: `${name} comes back`, actual: `${name} was not used` }];
  if (outcome.problem) return [{ expected: `${name} completes rightly`, actual: outcome.problem }];
  if (outcome.len === undefined || len === 'any') return [];
  if (outcome.len > outcome.maxLen) {
    return [{ expected: `used length of ${name} at most ${outcome.maxLen}`, actual: `${outcome.len}` }];
  }
  if (len === 'exact' && outcome.len !== outcome.exactLen) {
    return [{ expected: `used length of ${name}: ${outcome.exactLen}`, actual: `${outcome.len}` }];
  }
  return [];
}
