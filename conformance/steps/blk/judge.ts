import { BLK_S } from '../../kits/blk.ts';
import type { Problem } from '../step.ts';
import { type Expect, STATUS_NAMES } from './expect.ts';
import type { Seen } from './look.ts';

const nameOf = (status: number) => STATUS_NAMES[status] ?? `0x${status.toString(16)}`;

export function judgeSeen(seen: Seen, expect: Expect): Problem[] {
  const { name } = seen;
  if (expect.status === 'model') {
    if (seen.allowed === undefined) return [];
    return judgeSeen(seen, { ...expect, status: [...seen.allowed] }).map((problem) => ({
      requirement: 'P1.1-025',
      ...problem,
    }));
  }
  if (!seen.used)
    return expect['may-be-missing'] ? [] : [{ expected: `${name} is used`, actual: 'not used' }];
  const problems: Problem[] = [];
  const accepted =
    expect.status === 'any' || expect.status === 'open' ? [...STATUS_NAMES] : [expect.status ?? 'OK'].flat();
  if (seen.status !== undefined && expect.status !== 'open') {
    const actual = `status ${nameOf(seen.status)}`;
    if (seen.status > BLK_S.UNSUPP)
      problems.push({ expected: `${name}: status 0, 1 or 2`, actual, requirement: 'P1.1-025' });
    else if (!accepted.includes(STATUS_NAMES[seen.status]))
      problems.push({ expected: `${name}: status ${accepted.join(' or ')}`, actual });
  }
  if (seen.len !== undefined && seen.len > seen.total)
    problems.push({ expected: `${name}: used length at most ${seen.total}`, actual: String(seen.len) });
  if (seen.data !== undefined) problems.push({ expected: `${name}: the right data`, actual: seen.data });
  return problems;
}
