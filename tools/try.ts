/**
 * Try cases while writing them: `npx tsx tools/try.ts FILE.yaml [--target simulator-blk[:opt=value,…]] [--defects FILE.ts]
 * [--defect ID] [--select TEXT] [--verbose]`. With `--defects` every defect that the module exports as an array is run, and
 * for each requirement it breaks the cases that prove it are listed. Not part of the product.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { weigh } from '../conformance/judge.ts';
import { instancesOf } from '../conformance/loader/expand.ts';
import { loadCatalogue } from '../conformance/loader/load.ts';
import { InputError } from '../conformance/loader/problems.ts';
import { SUITE_RULES } from '../conformance/oracles/suite-rules.ts';
import { deviceFacts } from '../conformance/runner/device-facts.ts';
import { runInstance } from '../conformance/runner/run-instance.ts';
import { type Defect, defectiveParent } from '../devices/defects/defect.ts';
import { PARENTS } from '../devices/registry.ts';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import { requirements } from '../specs/requirements.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: 'string', multiple: true },
    defects: { type: 'string', multiple: true },
    defect: { type: 'string' },
    select: { type: 'string' },
    verbose: { type: 'boolean' },
  },
});
const known = new Set([...requirements().keys(), ...Object.keys(SUITE_RULES)]);
const guest = new GuestMemory(8 << 20);
try {
  const { cases } = loadCatalogue(positionals.length > 0 ? positionals : ['conformance/catalogue'], known);
  const chosen = cases.filter(({ id }) => values.select === undefined || id.includes(values.select));
  const targets = (values.target ?? [...PARENTS.keys()]).map((spec) => {
    const [name, rest = ''] = spec.split(/:(.*)/s);
    const options = Object.fromEntries(
      rest
        .split(',')
        .filter(Boolean)
        .map((pair) => pair.split(/=(.*)/s).slice(0, 2)),
    );
    return { name: spec, definition: PARENTS.get(name)!, options };
  });
  const defects: Defect[] = [];
  for (const path of values.defects ?? []) {
    const module = (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>;
    for (const value of Object.values(module)) if (Array.isArray(value)) defects.push(...(value as Defect[]));
  }
  for (const target of targets) {
    const runAll = (definition: typeof target.definition) => {
      const facts = deviceFacts(definition, target.options);
      return chosen.flatMap((definitionOfCase) =>
        instancesOf(definitionOfCase, facts.values).map((instance) => ({
          instance,
          outcome: { ...runInstance(instance, { ...target, definition }, facts, guest), history: undefined },
        })),
      );
    };
    const right = runAll(target.definition);
    const tally: Record<string, number> = {};
    for (const { instance, outcome } of right) {
      tally[outcome.verdict] = (tally[outcome.verdict] ?? 0) + 1;
      if (outcome.verdict === 'pass' || (outcome.verdict === 'skip' && !values.verbose)) continue;
      console.log(`${target.name} ${instance.id}: ${outcome.verdict} ${outcome.reason ?? ''}`);
      for (const f of outcome.findings.slice(0, values.verbose ? 10 : 3))
        console.log(
          `    [${f.oracle} ${f.kind} ${f.requirement} step ${f.step}] expected ${f.expected}; actual ${f.actual}`,
        );
    }
    console.log(`${target.name}: ${JSON.stringify(tally)}`);
    const green = new Set(
      right.filter(({ outcome }) => outcome.verdict === 'pass').map(({ instance }) => instance.id),
    );
    for (const defect of defects) {
      if (!defect.parents.includes(target.definition.name as never)) continue;
      if (values.defect && defect.id !== values.defect) continue;
      const red = runAll(defectiveParent(target.definition, defect)).filter(
        ({ instance, outcome }) =>
          green.has(instance.id) && !['pass', 'skip', 'blocked', 'error'].includes(outcome.verdict),
      );
      for (const id of defect.breaks) {
        const proofs = red.filter(
          ({ instance, outcome }) =>
            instance.definition.requirements.includes(id) &&
            outcome.findings.some(
              (f) =>
                (f.requirement === id || f.kind === 'crash' || f.kind === 'hang') &&
                !['pass', 'blocked'].includes(weigh(f)),
            ),
        );
        const ids = [...new Set(proofs.map(({ instance }) => instance.definition.id))];
        console.log(
          `  ${defect.id} breaks ${id}: ${ids.length > 0 ? `proved by ${ids.join(', ')}` : 'NOT PROVED'}`,
        );
      }
      if (values.verbose || values.defect) {
        for (const { instance, outcome } of red.slice(0, 12)) {
          const f = outcome.findings[0];
          console.log(
            `    ${instance.id}: ${outcome.verdict} [${f.oracle} ${f.requirement}] expected ${f.expected}; actual ${f.actual}`,
          );
        }
      }
    }
  }
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
