import { oneOf, type Problem } from '../step.ts';

export type ErrorArg = 'any' | 'ok' | 'refused';

export const ERROR = oneOf('any', 'ok', 'refused');

export function judgeError(what: string, want: ErrorArg, error: number): Problem[] {
  if (want === 'ok' && error < 0) return [{ expected: `${what} succeeds`, actual: `error ${error}` }];
  if (want === 'refused' && error >= 0) return [{ expected: `${what} is refused`, actual: 'accepted' }];
  return [];
}
