import { stringify } from 'yaml';
import type { ParentOption } from '../../framework/parent.ts';
import { requirements } from '../../specs/requirements.ts';
import { closestName, namesOf } from '../../specs/virtio-1.1/features.ts';
import { matrixMarkdown } from '../matrix/markdown.ts';
import { matrixParents, parentMatrix } from '../matrix/matrix.ts';
import { SUITE_RULES, type SuiteRule } from '../oracles/suite-rules.ts';
import { deviceFacts } from '../runner/device-facts.ts';
import { selector } from '../runner/query.ts';
import { STEPS } from '../steps/index.ts';
import { openCatalogue } from './catalogue.ts';
import { type CommandContext, EXIT, UsageError } from './context.ts';

interface Common {
  json?: boolean;
  catalogue?: string[];
  select?: string[];
}

/** `vdpa-cts list`: the cases, one a line. */
export function listCommand(options: Common, { out }: CommandContext): number {
  const query = selector(options.select ?? [], requirements());
  const cases = openCatalogue(options.catalogue).cases.filter((definition) => query.matchesCase(definition));
  if (cases.length === 0) throw new UsageError('nothing is selected', 'run `vdpa-cts list` without --select');
  for (const { id, class: kind, title, requirements: cited, params, position } of cases) {
    if (options.json)
      out.write(`${JSON.stringify({ id, class: kind, title, requirements: cited, params, position })}\n`);
    else out.write(`${id}  ${kind === 'resilience' ? '(resilience) ' : ''}${title ?? ''}\n`);
  }
  return EXIT.CLEAN;
}

/** `vdpa-cts show CASE`: a case with the requirements it decides. */
export function showCommand(id: string, options: Common, { out }: CommandContext): number {
  const { cases } = openCatalogue(options.catalogue);
  const found = cases.find((one) => one.id === id.split(':')[0]);
  if (found === undefined)
    throw unknown(
      'case',
      id,
      cases.map((one) => one.id),
    );
  if (options.json) {
    out.write(`${JSON.stringify(found, null, 2)}\n`);
    return EXIT.CLEAN;
  }
  const { position, ...definition } = found;
  out.write(`${position.file}:${position.line}\n\n${stringify(definition, { lineWidth: 110 })}\n`);
  for (const cited of found.requirements) out.write(`${cited}: ${summaryOf(cited)}\n`);
  return EXIT.CLEAN;
}

const summaryOf = (id: string) => requirements().get(id)?.summary ?? SUITE_RULES[id as SuiteRule] ?? '';

/** `vdpa-cts explain REQUIREMENT`: what it demands and how it is decided. */
export function explainCommand(
  id: string | undefined,
  options: Common & { list?: boolean },
  context: CommandContext,
): number {
  const { out } = context;
  if (options.list || id === undefined) {
    for (const one of requirements().values()) out.write(`${one.id}  ${one.level}  ${one.summary}\n`);
    for (const [rule, text] of Object.entries(SUITE_RULES)) out.write(`${rule}  suite rule  ${text}\n`);
    return EXIT.CLEAN;
  }
  const found = requirements().get(id);
  if (found === undefined && !(id in SUITE_RULES))
    throw unknown('requirement', id, [...requirements().keys(), ...Object.keys(SUITE_RULES)]);
  const cases = openCatalogue(options.catalogue).cases.filter((one) => one.requirements.includes(id));
  const defects = context.defects.filter(({ breaks }) => breaks.includes(id));
  if (options.json) {
    out.write(
      `${JSON.stringify({ ...(found ?? { id, summary: summaryOf(id) }), cases: cases.map((one) => one.id), defects }, null, 2)}\n`,
    );
    return EXIT.CLEAN;
  }
  out.write(`${id}\n  ${summaryOf(id)}\n\n`);
  if (found) {
    out.write(
      `section   ${found.section} ${found.title}\nlevel     ${found.level}, obliges the ${found.party}\n`,
    );
    if (found.clauses.length > 0) out.write(`clauses   ${found.clauses.join(', ')}\n`);
    const { by, reason, strength } = found.decided;
    out.write(
      `decided   ${by === 'cases' ? 'by cases' : by === 'transport' ? 'only over a transport' : 'not from outside'}`,
    );
    out.write(`${strength ? ` (${strength})` : ''}${reason ? `: ${reason}` : ''}\n`);
  }
  out.write(`\ncases that decide it${cases.length === 0 ? ': none' : ''}\n`);
  for (const one of cases) out.write(`  ${one.id}  ${one.title ?? ''}\n`);
  out.write(`\nseeded defects that break it${defects.length === 0 ? ': none' : ''}\n`);
  for (const { id: defect, what } of defects) out.write(`  ${defect}  ${what}\n`);
  return EXIT.CLEAN;
}

/** Commands that list what can be named. */
const LISTS = { case: 'list', requirement: 'explain --list', step: 'steps' } as const;

function unknown(what: keyof typeof LISTS, id: string, known: readonly string[]): UsageError {
  const near = closestName(id, [...known]);
  const alike = near ? [near] : known.filter((name) => name.includes(id)).slice(0, 3);
  return new UsageError(
    `there is no ${what} ${id}`,
    alike.length > 0 ? `did you mean ${alike.join(' or ')}?` : `run \`vdpa-cts ${LISTS[what]}\` for all`,
  );
}

/** A parent whose devices lie outside the suite: what it offers is known once there is one. */
function listExternal(
  { name, description, options }: { name: string; description: string; options: readonly ParentOption[] },
  json: boolean,
  out: CommandContext['out'],
): void {
  if (json) {
    out.write(`${JSON.stringify({ name, external: true, description, options })}\n`);
    return;
  }
  out.write(`${name}  (external)\n  ${description}\n`);
  for (const option of options)
    out.write(
      `  ${option.name}=…  ${option.description}${option.default ? ` (default ${option.default})` : ''}\n`,
    );
}

/** `vdpa-cts targets --matrix`: what the built-in parents in this process declare and prove. */
function printMatrix({ json }: { json?: boolean }, context: CommandContext): number {
  const rows = parentMatrix(
    matrixParents(context.builtIn.values(), context.defaultTargets),
    openCatalogue(undefined).cases,
  );
  context.out.write(json ? `${JSON.stringify(rows, null, 2)}\n` : matrixMarkdown(rows));
  return EXIT.CLEAN;
}

/** `vdpa-cts targets`: the built-in parents and their options. */
export function targetsCommand(
  options: { json?: boolean; matrix?: boolean; markdown?: boolean },
  context: CommandContext,
): number {
  if (options.matrix) return printMatrix(options, context);
  const { builtIn, defaultTargets, out } = context;
  for (const { name, deviceType, description, options: own = [], ...definition } of builtIn.values()) {
    if (definition.external) {
      listExternal({ name, description, options: own }, options.json ?? false, out);
      continue;
    }
    const facts = deviceFacts({ name, deviceType, description, ...definition }, {});
    const features = namesOf(BigInt(facts.offered), facts.type);
    if (options.json) {
      out.write(
        `${JSON.stringify({ name, deviceType, description, options: own, features, abilities: facts.abilities, peer: facts.peer })}\n`,
      );
      continue;
    }
    out.write(
      `${name}  (${deviceType})\n  ${description}\n  abilities: ${facts.abilities.join(', ')}\n  offers: ${features.join(', ')}\n`,
    );
    for (const option of own)
      out.write(
        `  ${option.name}=…  ${option.description}${option.default ? ` (default ${option.default})` : ''}\n`,
      );
    out.write('\n');
  }
  if (!options.json) {
    out.write(`Options follow a colon: --target simulator-blk:read-only=yes,queue-size=64\n`);
    out.write(`A parent of your own is named by its path: --target ./my-parent.ts\n`);
    out.write(`A run without --target uses: ${defaultTargets.join('  ')}\n`);
  }
  return EXIT.CLEAN;
}

/** `vdpa-cts steps`: the vocabulary. */
export function stepsCommand(
  name: string | undefined,
  options: { json?: boolean },
  { out }: CommandContext,
): number {
  const steps = [...STEPS.values()].filter((step) => name === undefined || step.name === name);
  if (steps.length === 0) throw unknown('step', name!, [...STEPS.keys()]);
  for (const { name: word, summary, example, schema } of steps) {
    if (options.json) out.write(`${JSON.stringify({ name: word, summary, example, schema })}\n`);
    else out.write(`${word}\n  ${summary}\n  ${example}\n\n`);
  }
  return EXIT.CLEAN;
}
