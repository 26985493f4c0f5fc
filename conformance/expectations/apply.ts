import { weigh } from '../judge.ts';
import type { WorkerResult } from '../runner/protocol.ts';
import type { Expectation } from './expectation.ts';
import { glob } from './load.ts';

/** Turns the results of one target into what the expectations make of them. */
export class Expected {
  readonly #rows: { one: Expectation; instances: RegExp[] }[];
  readonly #today: string;

  /** `today`: YYYY-MM-DD, for expectations that expire. */
  constructor(all: readonly Expectation[], target: string, today: string) {
    this.#today = today;
    this.#rows = all
      .filter((one) => one.target === undefined || glob(one.target).test(target))
      .map((one) => ({
        one,
        // A case stands for all of its instances.
        instances: one.instances.map((pattern) => glob(pattern.includes(':') ? pattern : `${pattern}:*`)),
      }));
  }

  /**
   * A result that is expected becomes `xfail`, one that is better than expected `xpass`, unless the finding only
   * comes sometimes. Whatever is worse, cites another rule, or has expired stays as it is. A skipped instance says
   * nothing.
   */
  apply<T extends Pick<WorkerResult, 'id' | 'verdict' | 'findings' | 'reason'>>(result: T): T {
    const { id, verdict } = result;
    if (verdict === 'skip') return result;
    const named = this.#rows.filter(({ instances }) => instances.some((one) => matches(one, id)));
    if (named.length === 0) return result;
    const current = named.map(({ one }) => one).filter((one) => !this.#expired(one));
    const fitting = fitsTo(current, result);
    if (fitting.length > 0) return { ...result, verdict: 'xfail', reason: fitting.map(reasonOf).join('; ') };
    const missing = current.find((one) => !one.sometimes);
    if (verdict === 'pass' && missing)
      return {
        ...result,
        verdict: 'xpass',
        reason: `${missing.id} expects ${missing.verdict}: take it out when the device is mended`,
      };
    const lapsed = fitsTo(
      named.map(({ one }) => one),
      result,
    ).find((one) => this.#expired(one));
    return lapsed ? { ...result, reason: `${lapsed.id} expired on ${lapsed.expires}` } : result;
  }

  #expired({ expires }: Expectation): boolean {
    return expires !== undefined && expires < this.#today;
  }
}

/** A case without parameters has no colon in its instance. */
const matches = (pattern: RegExp, id: string) => pattern.test(id.includes(':') ? id : `${id}:`);

const reasonOf = ({ id, reason, reference }: Expectation) =>
  `${id}: ${reason}${reference ? ` (${reference})` : ''}`;

/**
 * Those of `all` that together account for a result: one expects its verdict, and every finding is of a rule that one
 * of them names. Empty when they do not.
 */
function fitsTo(
  all: readonly Expectation[],
  { verdict, findings }: Pick<WorkerResult, 'verdict' | 'findings'>,
): Expectation[] {
  if (!all.some((one) => one.verdict === verdict)) return [];
  const broken = findings.filter((finding) => ['fail', 'warn'].includes(weigh(finding)));
  const names = (one: Expectation, rule: string) => one.requirements?.includes(rule) ?? true;
  if (!broken.every(({ requirement }) => all.some((one) => names(one, requirement)))) return [];
  return all.filter(
    (one) => one.verdict === verdict || broken.some(({ requirement }) => names(one, requirement)),
  );
}
