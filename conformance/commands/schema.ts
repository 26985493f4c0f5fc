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
    .map((file) => file.replace('.schema.json', ''))
    .sort();

/** Text of the schema `name`: the catalogue's comes from the step language, the others from their files. */
export function schemaText(name: string): string {
  if (name === 'catalogue') return `${json(catalogueSchema())}\n`;
  return readFileSync(join(FOLDER, `${name}.schema.json`), 'utf8');
}

/** JSON in which what fits into a line stands in one. */
function json(value: unknown, indent = ''): string {
  const flat = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || indent.length + flat.length <= 110) return flat;
  const inner = `${indent}  `;
  const list = Array.isArray(value);
  const rows = list
    ? value.map((one) => json(one, inner))
    : Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${json(one, inner)}`);
  const [open, close] = list ? '[]' : '{}';
  return `${open}\n${rows.map((row) => inner + row).join(',\n')}\n${indent}${close}`;
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
