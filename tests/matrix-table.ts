import { readFileSync, writeFileSync } from 'node:fs';
import { openCatalogue } from '../conformance/commands/catalogue.ts';
import { matrixMarkdown } from '../conformance/matrix/markdown.ts';
import { matrixParents, parentMatrix } from '../conformance/matrix/matrix.ts';
import { DEFAULT_TARGETS, PARENTS } from '../devices/registry.ts';

const README = new URL('../devices/README.md', import.meta.url);
const SECTION = /(<!-- matrix -->\n)([\s\S]*?)(\n?<!-- \/matrix -->)/;

/** The table as it is generated now. */
export const generatedMatrix = (): string =>
  matrixMarkdown(
    parentMatrix(matrixParents(PARENTS.values(), DEFAULT_TARGETS), openCatalogue(undefined).cases),
  );

/** The table as it is checked in. */
export const storedMatrix = (): string => SECTION.exec(readFileSync(README, 'utf8'))?.[2].trim() ?? '';

/** Check in what is generated now. */
export function storeMatrix(): void {
  const table = `\n${generatedMatrix()}`;
  writeFileSync(
    README,
    readFileSync(README, 'utf8').replace(SECTION, (_, from, __, to) => from + table + to),
  );
}
