import type { Requirement } from '../../specs/requirements.ts';
import type { CatalogueCase } from '../loader/case.ts';

/** A query or a parameter that is malformed or fits nothing. */
export class QueryError extends Error {
  readonly code = 'BAD_QUERY';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

const FIELDS = ['id', 'section', 'requirement', 'scope', 'class'] as const;
type Field = (typeof FIELDS)[number];

/** `*` stands for any text; everything else is literal. */
function glob(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`);
}

export interface Query {
  readonly text: string;
  /** Whether any instance of the case may be selected. */
  matchesCase(definition: CatalogueCase): boolean;
  /** Whether this instance is selected. */
  matchesInstance(definition: CatalogueCase, instanceId: string): boolean;
  /** Whether it names single instances, not whole cases. */
  readonly partial: boolean;
}

/**
 * A query selects cases by id (`split-notify/*`, or a whole instance `id:ring=split;size=2`), or by
 * `section=2.6.7*`, `requirement=V1.1-2.6.7.2-D*`, `scope=split`, `class=resilience`. A leading `!` excludes.
 * @throws QueryError on an unknown field
 */
export function parseQuery(text: string, requirements: ReadonlyMap<string, Requirement>): Query {
  const match = /^(\w+)=(.*)$/.exec(text);
  const isField = match !== null && !text.includes('/');
  const field = (isField ? match[1] : 'id') as Field;
  if (isField && !FIELDS.includes(field))
    throw new QueryError(
      `unknown field ${field} in the query \`${text}\``,
      `fields: ${FIELDS.join(', ')}; a query without one names cases, such as device-status/*`,
    );
  const pattern = isField ? match[2] : text;
  const caseMatches = glob(field === 'id' ? pattern.split(':')[0] : pattern);
  const instanceMatches = field === 'id' && pattern.includes(':') ? glob(pattern) : null;
  const values: Record<Field, (definition: CatalogueCase) => string[]> = {
    id: ({ id }) => [id],
    requirement: ({ requirements: ids }) => ids,
    section: ({ requirements: ids }) => ids.map((id) => requirements.get(id)?.section ?? ''),
    scope: ({ requirements: ids }) => ids.map((id) => requirements.get(id)?.scope ?? ''),
    class: (definition) => [definition.class],
  };
  const matchesCase = (definition: CatalogueCase) =>
    values[field](definition).some((value) => caseMatches.test(value));
  return {
    text,
    matchesCase,
    matchesInstance: (definition, id) => matchesCase(definition) && (instanceMatches?.test(id) ?? true),
    partial: instanceMatches !== null,
  };
}

/** Several queries: an instance is selected by any positive one (all, when there is none) and no negative one. */
export function selector(texts: readonly string[], requirements: ReadonlyMap<string, Requirement>): Query {
  const positive = texts
    .filter((text) => !text.startsWith('!'))
    .map((text) => parseQuery(text, requirements));
  const negative = texts
    .filter((text) => text.startsWith('!'))
    .map((text) => parseQuery(text.slice(1), requirements));
  return {
    text: texts.join(' '),
    partial: [...positive, ...negative].some((query) => query.partial),
    matchesCase: (definition) =>
      (positive.length === 0 || positive.some((query) => query.matchesCase(definition))) &&
      !negative.some((query) => !query.partial && query.matchesCase(definition)),
    matchesInstance: (definition, id) =>
      (positive.length === 0 || positive.some((query) => query.matchesInstance(definition, id))) &&
      !negative.some((query) => query.matchesInstance(definition, id)),
  };
}
