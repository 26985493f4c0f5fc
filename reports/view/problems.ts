import type { CaseResult, ResultCase, ResultFinding, Results } from '../results.ts';
import { PROBLEMS } from './verdicts.ts';

/** Instances of one case on one target that share a verdict. */
export interface ProblemGroup {
  verdict: CaseResult['verdict'];
  target: number;
  case: string;
  class: ResultCase['class'];
  /** Indices into `results`. */
  instances: number[];
}

/** Everything that did not pass and was not skipped, worst first, then in the order of the catalogue. */
export function problemGroups(results: Results): ProblemGroup[] {
  const groups = new Map<string, ProblemGroup>();
  const place = new Map(results.cases.map((one, i) => [one.id, { i, class: one.class }]));
  results.results.forEach(({ verdict, target, case: id }, at) => {
    if (!PROBLEMS.includes(verdict)) return;
    const key = `${verdict} ${target} ${id}`;
    const group = groups.get(key);
    if (group) group.instances.push(at);
    else
      groups.set(key, {
        verdict,
        target,
        case: id,
        class: place.get(id)?.class ?? 'conformance',
        instances: [at],
      });
  });
  const order = ({ verdict, case: id, target }: ProblemGroup) =>
    (PROBLEMS.indexOf(verdict) * 1e5 + (place.get(id)?.i ?? 0)) * 100 + target;
  return [...groups.values()].sort((a, b) => order(a) - order(b));
}

/** What a finding weighs by its kind, for choosing the one to show first. */
const WEIGHT: Readonly<Record<ResultFinding['kind'], number>> = { broken: 0, blocked: 1, hang: 2, crash: 2 };

/** Findings of a result with those first that explain its verdict, otherwise in order of time. */
export function findingsInOrder(result: CaseResult): ResultFinding[] {
  const key = (finding: ResultFinding): number => {
    if (finding.kind === result.verdict) return 0;
    const informs = finding.tier === 'info' ? 2 : finding.tier === 'warn' ? 1 : 0;
    if (finding.kind === 'broken' && result.verdict !== 'blocked') return 1 + informs;
    return 4 + WEIGHT[finding.kind];
  };
  return result.findings
    .map((finding, i) => ({ finding, i, key: key(finding) }))
    .sort((a, b) => a.key - b.key || a.i - b.i)
    .map(({ finding }) => finding);
}

/** A requirement, or a rule of the suite, that findings hold against targets; whatever case they came up in. */
export interface BrokenRule {
  requirement: string;
  verdict: CaseResult['verdict'];
  /** Indices into `results`, and what they span. */
  instances: number[];
  cases: Set<string>;
  targets: Set<number>;
}

/** What the problems come down to: rules by the finding that explains each instance, worst and most frequent first. */
export function brokenRules(results: Results): BrokenRule[] {
  const rules = new Map<string, BrokenRule>();
  results.results.forEach((result, at) => {
    const { verdict, target, case: id } = result;
    const requirement = PROBLEMS.includes(verdict) ? explaining(result) : undefined;
    if (requirement === undefined) return;
    const key = `${verdict} ${requirement}`;
    const rule: BrokenRule = rules.get(key) ?? {
      requirement,
      verdict,
      instances: [],
      cases: new Set(),
      targets: new Set(),
    };
    rules.set(key, rule);
    rule.instances.push(at);
    rule.cases.add(id);
    rule.targets.add(target);
  });
  return [...rules.values()].sort(
    (a, b) =>
      PROBLEMS.indexOf(a.verdict) - PROBLEMS.indexOf(b.verdict) || b.instances.length - a.instances.length,
  );
}

/** What the first finding cites. A device that hung or died may leave none, but breaks the rule to stay alive. */
function explaining(result: CaseResult): string | undefined {
  const first = findingsInOrder(result)[0]?.requirement;
  return first ?? (result.verdict === 'hang' || result.verdict === 'crash' ? 'INV-ALIVE' : undefined);
}

export interface SkipGroup {
  reason: string;
  target: number;
  /** Ids of the cases, with indices into `results`. */
  cases: Map<string, number[]>;
  count: number;
}

/** Skipped instances by reason and target, the most frequent reason first. */
export function skipGroups(results: Results): SkipGroup[] {
  const groups = new Map<string, SkipGroup>();
  results.results.forEach(({ verdict, target, case: id, reason = 'no reason given' }, at) => {
    if (verdict !== 'skip') return;
    const key = `${target} ${reason}`;
    const group = groups.get(key) ?? { reason, target, cases: new Map<string, number[]>(), count: 0 };
    groups.set(key, group);
    group.count++;
    const instances = group.cases.get(id);
    if (instances) instances.push(at);
    else group.cases.set(id, [at]);
  });
  return [...groups.values()].sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
}
