import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import { isMap, LineCounter, type Node, parseDocument } from 'yaml';
import { cached } from '../../specs/compile-cache.ts';
import { closestName } from '../../specs/virtio-1.1/features.ts';
import { STEPS } from '../steps/index.ts';
import type { CaseDefinition, Catalogue, CatalogueCase, Position, RawStep } from './case.ts';
import { checkExpressions } from './check-expressions.ts';
import { checkFeatureNames } from './check-names.ts';
import { type FileProblem, InputError } from './problems.ts';
import { BESIDE_KEYS, catalogueSchema, DEFINITION, GROUPING, wordOf } from './schema.ts';

/** Every `.yaml` file below `directory`, sorted. */
export function yamlFiles(directory: string): string[] {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found === undefined) {
    const position = { file: directory, line: 1, column: 1 };
    throw new InputError([{ position, message: 'there is no such file or folder', hint: 'see --catalogue' }]);
  }
  if (found.isFile()) return [directory];
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(directory, name));
}

/**
 * Load catalogue files or folders. Parsed results are kept in the compile cache by content, so that an
 * unchanged catalogue costs one read.
 *
 * @param known ids of all requirements; a case that cites another one is an error
 * @throws InputError with every problem: YAML syntax, schema, unknown step, requirement or feature, duplicate id
 */
export function loadCatalogue(paths: readonly string[], known: ReadonlySet<string>): Catalogue {
  const files = paths.flatMap(yamlFiles).map((path) => ({ path, text: readFileSync(path, 'utf8') }));
  const vocabulary = JSON.stringify(catalogueSchema());
  const digest = createHash('sha256').update(vocabulary).update(process.cwd());
  for (const { path, text } of files) digest.update(path).update(text);
  for (const id of known) digest.update(id);
  return cached(`catalogue-${digest.digest('hex').slice(0, 24)}`, () => compile(files, known));
}

/** Below the current directory the short way, elsewhere as it was named. */
function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short.startsWith('..') ? path : short;
}

/** Check and compile texts of catalogue files, kept nowhere. @throws InputError as {@link loadCatalogue} */
export function compile(
  files: readonly { path: string; text: string }[],
  known: ReadonlySet<string>,
): Catalogue {
  const problems: FileProblem[] = [];
  const cases: CatalogueCase[] = [];
  const validate = new Ajv({ allErrors: true, allowUnionTypes: true, strict: false, verbose: true }).compile(
    catalogueSchema(),
  );
  for (const { path, text } of files) {
    const file = shownPath(path);
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines });
    const at = (offset: number): Position => {
      const { line, col } = lines.linePos(offset);
      return { file, line, column: col };
    };
    if (document.errors.length > 0) {
      for (const error of document.errors)
        problems.push({
          position: at(error.pos[0]),
          message: error.message.split('\n')[0].replace(/ at line \d+, column \d+:?$/, ''),
          hint: 'this is not valid YAML',
        });
      continue;
    }
    const place = (route: (string | number)[]): Position => {
      for (let n = route.length; n >= 0; n--) {
        const node = document.getIn(route.slice(0, n), true) as Node | undefined;
        if (node?.range) return at(keyOffset(document, route.slice(0, n)) ?? node.range[0]);
      }
      return at(0);
    };
    const data = document.toJS() as CaseDefinition[];
    if (!Array.isArray(data)) {
      const hint = 'it begins with `- id: area/name`; see conformance/catalogue/README.md';
      problems.push({ position: at(0), message: 'a catalogue file is a list of cases', hint });
      continue;
    }
    if (!validate(data)) {
      problems.push(...explain(validate.errors ?? [], data, place));
      continue;
    }
    data.forEach((definition, i) => {
      const position = place([i, 'id']);
      cases.push({ ...definition, position });
      problems.push(...checkNames(definition, i, known, place));
    });
  }
  problems.push(...duplicates(cases));
  if (problems.length > 0) throw new InputError(problems);
  return { cases };
}

/** Offset of the key that leads to `route`, so that a problem points at the word and not at its value. */
function keyOffset(
  document: ReturnType<typeof parseDocument>,
  route: (string | number)[],
): number | undefined {
  const parent = document.getIn(route.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find((item) => String(item.key) === String(route.at(-1)));
  return (pair?.key as Node | undefined)?.range?.[0];
}

function checkNames(
  definition: CaseDefinition,
  index: number,
  known: ReadonlySet<string>,
  place: (route: (string | number)[]) => Position,
): FileProblem[] {
  const problems: FileProblem[] = [];
  const cite = (id: string, route: (string | number)[]) => {
    if (known.has(id)) return;
    const near = closestName(id, [...known]);
    problems.push({
      position: place(route),
      message: `case ${definition.id} cites unknown requirement ${id}`,
      hint: near ? `did you mean ${near}?` : 'run `vdpa-cts explain --list` for all requirements',
    });
  };
  definition.requirements.forEach((id, i) => {
    cite(id, [index, 'requirements', i]);
  });
  for (const [step, route] of stepsWithin(definition.steps, [index, 'steps'])) {
    if (typeof step.for === 'string') cite(step.for, [...route, 'for']);
  }
  problems.push(
    ...checkFeatureNames(definition, index, place),
    ...checkExpressions(definition, index, place),
  );
  return problems;
}

/** Every step with the way to it, those inside groups included. */
function* stepsWithin(
  steps: readonly RawStep[],
  route: (string | number)[],
): Generator<[RawStep, (string | number)[]]> {
  for (const [i, step] of steps.entries()) {
    yield [step, [...route, i]];
    const word = wordOf(step)!;
    if (word === 'control') yield* stepsWithin(step.control as RawStep[], [...route, i, word]);
    else if (word === 'repeat' || word === 'when')
      yield* stepsWithin((step[word] as { steps: RawStep[] }).steps, [...route, i, word, 'steps']);
  }
}

function duplicates(cases: readonly CatalogueCase[]): FileProblem[] {
  const first = new Map<string, Position>();
  return cases.flatMap(({ id, position }) => {
    const earlier = first.get(id);
    if (earlier === undefined) {
      first.set(id, position);
      return [];
    }
    return [
      {
        position,
        message: `case id ${id} is used twice`,
        hint: `it was first used at ${earlier.file}:${earlier.line}`,
      },
    ];
  });
}

/** Turn schema errors into one message a place: the most specific one, with the names that would have been right. */
function explain(
  errors: ErrorObject[],
  data: unknown,
  place: (route: (string | number)[]) => Position,
): FileProblem[] {
  const problems = new Map<string, FileProblem>();
  const routeOf = (path: string) =>
    path
      .split('/')
      .slice(1)
      .map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')));
  const valueAt = (route: (string | number)[]) =>
    route.reduce<unknown>(
      (value, key) => (value as Record<string | number, unknown> | undefined)?.[key],
      data,
    );
  for (const error of errors) {
    const route = routeOf(error.instancePath);
    const stepAt = lastStep(route, valueAt);
    if (stepAt) {
      const step = valueAt(stepAt) as Record<string, unknown>;
      const word = typeof step === 'object' && step !== null ? wordOf(step) : undefined;
      const words = [...STEPS.keys(), ...GROUPING];
      if (word === undefined || !words.includes(word as never)) {
        const near = word && closestName(word, words);
        problems.set(stepAt.join('/'), {
          position: place(word ? [...stepAt, word] : stepAt),
          message: word
            ? `unknown step \`${word}\``
            : 'a step is an object with one word, such as {quiet: {}}',
          hint: near ? `did you mean \`${near}\`?` : 'run `vdpa-cts steps` for the vocabulary',
        });
        continue;
      }
      // Errors of the other alternatives of `anyOf` say nothing about this step.
      const own = error.schemaPath.includes(`/definitions/${DEFINITION}${word}/`);
      if (!own) continue;
    }
    if (error.keyword === 'anyOf') continue;
    const extra = error.params.additionalProperty as string | undefined;
    const target = extra === undefined ? route : [...route, extra];
    const key = target.join('/');
    if (problems.has(key)) continue;
    problems.set(key, {
      position: place(target),
      message:
        extra === undefined
          ? `${error.instancePath.replace(/^\/\d+\/?/, '') || 'case'} ${error.message}`
          : `unknown key \`${extra}\``,
      hint: hintFor(error, route, valueAt),
    });
  }
  if (problems.size === 0 && errors.length > 0) {
    const route = routeOf(errors[0].instancePath);
    problems.set('', { position: place(route), message: `${errors[0].instancePath} ${errors[0].message}` });
  }
  return [...problems.values()];
}

/** The innermost step that `route` leads into. */
function lastStep(route: (string | number)[], valueAt: (route: (string | number)[]) => unknown) {
  for (let n = route.length; n >= 2; n--) {
    const parent = route[n - 2];
    const grouped = parent === 'steps' || parent === 'control';
    if (grouped && typeof route[n - 1] === 'number' && Array.isArray(valueAt(route.slice(0, n - 1))))
      return route.slice(0, n);
  }
  return undefined;
}

function hintFor(
  error: ErrorObject,
  route: (string | number)[],
  valueAt: (route: (string | number)[]) => unknown,
) {
  const { params } = error;
  if (params.allowedValues) return `one of: ${params.allowedValues.join(', ')}`;
  if (params.additionalProperty !== undefined) {
    const allowed = Object.keys(
      (error.parentSchema as { properties?: object } | undefined)?.properties ?? {},
    );
    const known = allowed.length > 0 ? allowed : BESIDE_KEYS;
    const near = closestName(params.additionalProperty, known);
    return near ? `did you mean \`${near}\`?` : `known keys: ${known.join(', ')}`;
  }
  if (params.missingProperty) return `add \`${params.missingProperty}\``;
  const value = valueAt(route);
  return value === undefined ? undefined : `got ${JSON.stringify(value)?.slice(0, 60)}`;
}
