import type { ResultRequirement, Results } from '../results.ts';

/** What a finding cites: a statement of the specification, or a rule of the suite itself. */
export interface Citation {
  id: string;
  /** What is demanded, in our words. */
  summary: string;
  /** `MUST`, `text-hard`, … or `suite rule`. */
  level: string;
  /** `2.1.2 Device Status Field`; empty for rules of the suite. */
  place: string;
}

const citationOf = ({ id, summary, level, section, title, scope, chapter }: ResultRequirement): Citation => ({
  id,
  summary,
  level,
  place: `${scope === 'vdpa' || scope === 'management' ? `${chapter} ` : ''}${section} ${title}`,
});

/** Look-up of what findings cite. Unknown ids are answered too: a report must not fail over one. */
export function citations(results: Pick<Results, 'requirements' | 'rules'>): (id: string) => Citation {
  const known = new Map<string, Citation>(results.requirements.map((one) => [one.id, citationOf(one)]));
  for (const { id, summary } of results.rules ?? [])
    known.set(id, { id, summary, level: 'suite rule', place: '' });
  return (id) =>
    known.get(id) ?? { id, summary: '', level: id.startsWith('INV-') ? 'suite rule' : '', place: '' };
}
