import { loadUserModule } from './conformance/runner/load-module.ts';
import type { ParentSource } from './conformance/runner/targets.ts';
import { defectiveParent } from './devices/defects/defect.ts';
import { DEFECTS } from './devices/defects/index.ts';
import { PARENTS } from './devices/registry.ts';
import type { ParentDefinition } from './framework/parent.ts';

/** Every seeded defect as a parent of its own, named `simulator-blk+area/what-is-wrong`. */
function defective(): [string, ParentDefinition][] {
  return [...DEFECTS.values()].flatMap((defect) =>
    defect.parents.map((name): [string, ParentDefinition] => {
      const parent = defectiveParent(PARENTS.get(name)!, defect);
      return [parent.name, parent];
    }),
  );
}

/** All parents that a command can name: the built-in ones and modules of the user. */
export const parentSource: ParentSource = {
  builtIn: new Map([...PARENTS, ...defective()]),
  load: loadUserModule,
};
