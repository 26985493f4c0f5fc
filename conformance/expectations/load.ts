import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { LineCounter, type Node, parseDocument } from 'yaml';
import { PROJECT_ROOT } from '../../specs/compile-cache.ts';
import { closestName } from '../../specs/virtio-1.1/features.ts';
import type { CatalogueCase, Position } from '../loader/case.ts';
import { type FileProblem, InputError } from '../loader/problems.ts';
import type { Expectation } from './expectation.ts';

const SCHEMA = join(PROJECT_ROOT, 'specs', 'schema', 'expectations.schema.json');

/** What a file of expectations is checked against. */
export interface Known {
  readonly cases: readonly CatalogueCase[];
  /** Ids of requirements and of rules of the suite. */
  readonly rules: ReadonlySet<string>;
}

/**
 * Load files of expectations.
 * @throws InputError with every problem: no such file, YAML, schema, a case or rule that does not exist
 */
export function loadExpectations(paths: readonly string[], known: Known): Expectation[] {
  const problems: FileProblem[] = [];
  const all = paths.flatMap((path) => loadFile(path, known, problems));
  const seen = new Map<string, Position>();
  for (const { id, position } of all) {
    const before = seen.get(id);
    if (before)
      problems.push({
        position,
        message: `the expectation ${id} is there already, at ${before.file}:${before.line}`,
        hint: 'ids are unique over all files',
      });
    else seen.set(id, position);
  }
  if (problems.length > 0) throw new InputError(problems);
  return all;
}

function loadFile(file: string, known: Known, problems: FileProblem[]): Expectation[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const position = { file, line: 1, column: 1 };
    problems.push({ position, message: (error as Error).message, hint: 'see --expect' });
    return [];
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  for (const error of document.errors)
    problems.push({
      position: at(error.pos[0]),
      message: error.message.split('\n')[0],
      hint: 'this is not valid YAML',
    });
  if (document.errors.length > 0) return [];
  const place = (route: (string | number)[]): Position => {
    for (let n = route.length; n > 0; n--) {
      const node = document.getIn(route.slice(0, n), true) as Node | undefined;
      if (node?.range) return at(node.range[0]);
    }
    return at(0);
  };
  const data = (document.toJS() ?? []) as Omit<Expectation, 'position'>[];
  const validate = new Ajv({ allErrors: true, strict: false }).compile(
    JSON.parse(readFileSync(SCHEMA, 'utf8')),
  );
  if (!validate(data)) {
    for (const { instancePath, message } of validate.errors ?? []) {
      const route = instancePath
        .split('/')
        .slice(1)
        .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
      problems.push({
        position: place(route),
        message: `${route.join('.') || 'the file'} ${message}`,
        hint: '`vdpa-cts schema expectations` tells the format',
      });
    }
    return [];
  }
  return data.map((one, i) => {
    problems.push(...checkOne(one, known, (route) => place([i, ...route])));
    return { ...one, position: place([i]) };
  });
}

function checkOne(
  { id, instances, verdict, requirements }: Omit<Expectation, 'position'>,
  { cases, rules }: Known,
  place: (route: (string | number)[]) => Position,
): FileProblem[] {
  const problems: FileProblem[] = [];
  instances.forEach((pattern, i) => {
    if (cases.some((one) => glob(pattern.split(':')[0]).test(one.id))) return;
    const near = closestName(
      pattern.split(':')[0],
      cases.map((one) => one.id),
    );
    problems.push({
      position: place(['instances', i]),
      message: `${id}: the catalogue has no case ${pattern}`,
      hint: near ? `did you mean ${near}?` : 'run `vdpa-cts list` for the ids',
    });
  });
  requirements?.forEach((rule, i) => {
    if (rules.has(rule)) return;
    const near = closestName(rule, [...rules]);
    problems.push({
      position: place(['requirements', i]),
      message: `${id}: there is no requirement ${rule}`,
      hint: near ? `did you mean ${near}?` : 'run `vdpa-cts explain --list` for all',
    });
  });
  if ((verdict === 'fail' || verdict === 'warn') && requirements === undefined)
    problems.push({
      position: place([]),
      message: `${id}: a ${verdict} is expected for the requirements that it breaks`,
      hint: 'add requirements: [ID, …]',
    });
  return problems;
}

/** `*` stands for any text; everything else is literal. */
export function glob(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`);
}
