import { loadUserModule } from './conformance/runner/load-module.ts';
import type { ParentSource } from './conformance/runner/targets.ts';
import { PARENTS } from './devices/registry.ts';

/** All parents that a command can name: the built-in ones and modules of the user. */
export const parentSource: ParentSource = { builtIn: PARENTS, load: loadUserModule };
