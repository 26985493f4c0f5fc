import type { Defect } from './defect.ts';

const files: readonly (readonly Defect[])[] = [];

/** Every seeded defect by id. A file of defects is one more entry in `files`. */
export const DEFECTS: ReadonlyMap<string, Defect> = new Map(files.flat().map((defect) => [defect.id, defect]));
