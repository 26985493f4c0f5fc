import type { CatalogueCase } from '../loader/case.ts';
import { QueryError } from './query.ts';

/**
 * Narrow the parameters of a case: `ring=packed` or `size=2,256` keeps only these values, where the case has
 * the parameter. A value that the case does not list replaces its values.
 * @throws QueryError on text that is not `name=value[,value]`
 */
export function overrideParams(definition: CatalogueCase, overrides: readonly string[]): CatalogueCase {
  if (overrides.length === 0 || definition.params === undefined) return definition;
  const params = { ...definition.params };
  for (const text of overrides) {
    const match = /^([\w-]+)=(.+)$/.exec(text);
    if (match === null) throw new QueryError(`--param ${text}: expected name=value[,value…]`);
    const [, name, values] = match;
    if (!(name in params)) continue;
    params[name] = values.split(',').map((value) => (/^-?\d+$/.test(value) ? Number(value) : value));
  }
  return { ...definition, params };
}
