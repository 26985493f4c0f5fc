import { closestName } from '../../specs/virtio-1.1/features.ts';
import type { CatalogueCase } from '../loader/case.ts';
import { QueryError } from './query.ts';

type Value = string | number | boolean;

/** `ring=packed` or `size=2,256` as given on the command line. */
interface Override {
  text: string;
  name: string;
  values: Value[];
}

function parseOverride(text: string): Override {
  const match = /^([\w-]+)=(.+)$/.exec(text);
  if (match === null)
    throw new QueryError(
      `--param ${text} is not name=value[,value…]`,
      'for example --param ring=packed --param size=2,256',
    );
  const [, name, values] = match;
  return { text, name, values: values.split(',').map(parseValue) };
}

function parseValue(text: string): Value {
  if (/^-?\d+$/.test(text)) return Number(text);
  return text === 'true' || text === 'false' ? text === 'true' : text;
}

const isExpression = (value: unknown) => typeof value === 'string' && value.includes('${');

/** The listed values that `wanted` keeps. Where a case counts, a number that it does not list stands in for its values. */
function narrow(listed: readonly unknown[], wanted: readonly Value[]): unknown[] {
  const numeric = listed.some((value) => typeof value === 'number' || isExpression(value));
  return wanted.filter((value) => listed.includes(value) || (numeric && typeof value === 'number'));
}

/**
 * Narrow the parameters of cases. A case that lacks a parameter stays as it is; a case none of whose values
 * fits drops out.
 * @throws QueryError on a text that is not `name=value[,value…]`, and on one that fits no case
 */
export function overrideParams(cases: readonly CatalogueCase[], texts: readonly string[]): CatalogueCase[] {
  return texts.map(parseOverride).reduce((left, override) => applyOverride(left, override), [...cases]);
}

function applyOverride(cases: CatalogueCase[], { text, name, values }: Override): CatalogueCase[] {
  const having = cases.filter(({ params }) => params !== undefined && name in params);
  if (having.length === 0) {
    const known = [...new Set(cases.flatMap(({ params }) => Object.keys(params ?? {})))].sort();
    const near = closestName(name, known);
    throw new QueryError(
      `--param ${text}: no selected case has a parameter ${name}`,
      near ? `did you mean ${near}?` : `parameters: ${known.join(', ') || 'none'}`,
    );
  }
  const left = cases.flatMap((definition) => {
    const listed = definition.params?.[name];
    if (listed === undefined) return [definition];
    const kept = narrow(listed, values);
    return kept.length === 0 ? [] : [{ ...definition, params: { ...definition.params, [name]: kept } }];
  });
  if (!left.some(({ params }) => params !== undefined && name in params)) {
    const listed = [
      ...new Set(having.flatMap(({ params }) => params![name]).filter((value) => typeof value !== 'object')),
    ];
    throw new QueryError(
      `--param ${text}: no selected case has such a value`,
      `values of ${name}: ${listed.join(', ')}`,
    );
  }
  return left;
}
