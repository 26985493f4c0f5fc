import { join } from 'node:path';
import { PROJECT_ROOT } from '../../specs/compile-cache.ts';
import { requirements } from '../../specs/requirements.ts';
import type { Catalogue } from '../loader/case.ts';
import { loadCatalogue } from '../loader/load.ts';
import { SUITE_RULES } from '../oracles/suite-rules.ts';
import { CATALOGUE } from './context.ts';

/** Paths of the catalogue: the one of the suite, or those that the user named. */
export const cataloguePaths = (named: readonly string[] | undefined): string[] =>
  named && named.length > 0 ? [...named] : [join(PROJECT_ROOT, CATALOGUE)];

/** Ids that cases may cite. */
export const citable = (): Set<string> => new Set([...requirements().keys(), ...Object.keys(SUITE_RULES)]);

/** @throws InputError when the catalogue is not usable */
export function openCatalogue(named: readonly string[] | undefined): Catalogue {
  return loadCatalogue(cataloguePaths(named), citable());
}
