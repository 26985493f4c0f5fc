import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../specs/compile-cache.ts';
import { catalogueSchema } from '../loader/schema.ts';
import { type CommandContext, EXIT, UsageError } from './context.ts';

const FOLDER = join(PROJECT_ROOT, 'specs', 'schema');

/** Names of all schemas, without `.schema.json`. */
export const schemaNames = (): string[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.schema.json'))
    .map((file) => file.replace('.schema.json', ''));

/** Text of the schema `name`: the catalogue's comes from the step language, the others from their files. */
export function schemaText(name: string): string {
  if (name === 'catalogue') return `${JSON.stringify(catalogueSchema(), null, 2)}\n`;
  return readFileSync(join(FOLDER, `${name}.schema.json`), 'utf8');
}

/** `vdpa-cts schema [NAME]`: print a schema, or the names of all. */
export function schemaCommand(name: string | undefined, { out }: CommandContext): number {
  const names = schemaNames();
  if (name === undefined) {
    out.write(`${names.join('\n')}\n`);
    return EXIT.CLEAN;
  }
  if (!names.includes(name))
    throw new UsageError(`there is no schema ${name}`, `schemas: ${names.join(', ')}`);
  out.write(schemaText(name));
  return EXIT.CLEAN;
}
