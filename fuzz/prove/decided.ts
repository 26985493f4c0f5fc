import type { CatalogueCase } from '../../conformance/loader/case.ts';
import { requirements, severity } from '../../specs/requirements.ts';

/** Requirements and suite rules that cases decide: cited, and such that a device can break them. */
export function decidedBy(cases: readonly CatalogueCase[]): Set<string> {
  const known = requirements();
  return new Set(
    cases
      .flatMap((definition) => definition.requirements)
      .filter((id) => {
        const requirement = known.get(id);
        // Nothing turns a permission red.
        return requirement === undefined || severity(requirement.level) !== 'info';
      }),
  );
}
