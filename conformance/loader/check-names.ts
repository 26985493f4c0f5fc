import { featureByName } from '../../specs/virtio-1.1/features.ts';
import type { CaseDefinition, Position } from './case.ts';
import type { FileProblem } from './problems.ts';

/** Problems with feature names in `needs`; expressions are checked when they are filled in. */
export function checkFeatureNames(
  definition: CaseDefinition,
  index: number,
  place: (route: (string | number)[]) => Position,
): FileProblem[] {
  const problems: FileProblem[] = [];
  for (const key of ['features', 'offered', 'not-offered'] as const) {
    definition.needs?.[key]?.forEach((name, i) => {
      if (name === '' || name.includes('${')) return;
      try {
        featureByName(name);
      } catch (error) {
        problems.push({
          position: place([index, 'needs', key, i]),
          message: `case ${definition.id} needs an unknown feature`,
          hint: (error as Error).message,
        });
      }
    });
  }
  return problems;
}
