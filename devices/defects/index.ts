import type { Defect } from './defect.ts';
import { PACKED_DEFECTS } from './packed.ts';
import { SPLIT_DEFECTS } from './split.ts';

const files: readonly (readonly Defect[])[] = [PACKED_DEFECTS, SPLIT_DEFECTS];

/** Every seeded defect by id. A file of defects is one more entry in `files`. */
export const DEFECTS: ReadonlyMap<string, Defect> = new Map(files.flat().map((defect) => [defect.id, defect]));
