import type { ResultCase, ResultRequirement } from '../../results.ts';
import type { SkipGroup } from '../../view/problems.ts';
import type { Report } from './data.ts';

/** What the reader wants to see; empty members do not restrict. */
export interface Filter {
  verdicts: readonly string[];
  level: string;
  scope: string;
  /** conformance or resilience: class of the cases. */
  class: string;
  /** Index of a target, as text. */
  target: string;
  text: string;
}

export const NO_FILTER: Filter = { verdicts: [], level: '', scope: '', class: '', target: '', text: '' };

export const isFiltering = (filter: Filter): boolean =>
  filter.verdicts.length > 0 ||
  [filter.level, filter.scope, filter.class, filter.target, filter.text].some(Boolean);

/** Every word must occur somewhere. */
const wordsIn = (text: string, haystack: string): boolean =>
  text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => haystack.includes(word));

/** Whether one of the wanted verdicts occurs, on the wanted target where one is named. */
function verdictFits({ verdicts, target }: Filter, shown: readonly string[]): boolean {
  const looked = target === '' ? shown : [shown[Number(target)]];
  return verdicts.length === 0 || looked.some((verdict) => verdicts.includes(verdict));
}

/** Texts to search, made once for each row or case. */
const texts = new WeakMap<object, string>();

function textOf(key: object, make: () => string): string {
  let text = texts.get(key);
  if (text === undefined) {
    text = make().toLowerCase();
    texts.set(key, text);
  }
  return text;
}

export function requirementFits(row: ResultRequirement, filter: Filter, report: Report): boolean {
  if (filter.level && row.level !== filter.level) return false;
  if (filter.scope && row.scope !== filter.scope) return false;
  if (filter.class && !row.cases.some((id) => report.cases.get(id)?.class === filter.class)) return false;
  if (filter.target && report.rowVerdicts.get(row.id)?.[Number(filter.target)] === 'other-device')
    return false;
  if (!verdictFits(filter, report.rowVerdicts.get(row.id) ?? [])) return false;
  const haystack = () =>
    [row.id, row.section, row.title, row.summary, row.decided.reason ?? '', ...row.cases].join(' ');
  return filter.text === '' || wordsIn(filter.text, textOf(row, haystack));
}

export function caseFits(one: ResultCase, filter: Filter, report: Report): boolean {
  if (filter.class && one.class !== filter.class) return false;
  const rows = one.requirements.map((id) => report.requirements.get(id)).filter((row) => row !== undefined);
  if (filter.level && !rows.some((row) => row.level === filter.level)) return false;
  if (filter.scope && !rows.some((row) => row.scope === filter.scope)) return false;
  if (!someResult(one.id, filter, report)) return false;
  const haystack = () =>
    [one.id, one.title, one.why, ...one.requirements, ...rows.map((row) => row.summary)].join(' ');
  return filter.text === '' || wordsIn(filter.text, textOf(one, haystack));
}

/** Whether an instance of the case ran on the wanted target with one of the wanted verdicts. */
function someResult(id: string, { verdicts, target }: Filter, report: Report): boolean {
  const wanted = target === '' ? undefined : Number(target);
  return (report.resultsOf.get(id) ?? []).some(
    (result) =>
      (wanted === undefined || result.target === wanted) &&
      (verdicts.length === 0 || verdicts.includes(result.verdict)),
  );
}

/** Cases of a group of skipped instances that fit; verdicts do not matter here. */
export function skipFits(group: SkipGroup, filter: Filter, report: Report): [string, number[]][] {
  if (filter.target && Number(filter.target) !== group.target) return [];
  const rest = { ...filter, verdicts: [], target: '', text: '' };
  const inReason = filter.text !== '' && wordsIn(filter.text, group.reason.toLowerCase());
  return [...group.cases].filter(([id]) => {
    const one = report.cases.get(id);
    return one !== undefined && caseFits(one, inReason ? rest : { ...rest, text: filter.text }, report);
  });
}
