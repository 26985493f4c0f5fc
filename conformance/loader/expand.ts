import type { FlatStep } from '../steps/step.ts';
import type { CatalogueCase, RawStep } from './case.ts';
import { ExpressionError, evaluate, fillIn, type Scope } from './expression.ts';
import { InputError } from './problems.ts';
import { wordOf } from './schema.ts';

/** One combination of a case's parameters, not yet filled in. */
export interface CaseInstance {
  /** `case-id` or `case-id:ring=split;size=2`; selects exactly this instance. */
  id: string;
  definition: CatalogueCase;
  params: Record<string, unknown>;
}

const show = (value: unknown) =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);

/** Every combination of the parameters of a case that its `where` admits. `device` feeds expressions. */
export function instancesOf(definition: CatalogueCase, device: Scope): CaseInstance[] {
  // For the other device type there is nothing to expand: one instance, which is skipped.
  if (
    definition.needs?.device !== undefined &&
    device.type !== undefined &&
    definition.needs.device !== device.type
  )
    return [{ id: definition.id, definition, params: {} }];
  let combinations: Record<string, unknown>[] = [{}];
  for (const [name, raw] of Object.entries(definition.params ?? {})) {
    const values = (at(definition, name, () => fillIn(raw, { device })) as unknown[]).filter(
      (value, i, all) => all.findIndex((other) => show(other) === show(value)) === i,
    );
    combinations = combinations.flatMap((params) => values.map((value) => ({ ...params, [name]: value })));
  }
  const { where } = definition;
  if (where !== undefined)
    combinations = combinations.filter((params) =>
      at(definition, 'where', () => evaluate(where, { ...params, device })),
    );
  return combinations.map((params) => {
    const entries = Object.entries(params);
    const id =
      entries.length === 0
        ? definition.id
        : `${definition.id}:${entries.map(([k, v]) => `${k}=${show(v)}`).join(';')}`;
    return { id, definition, params };
  });
}

/** The steps of an instance with parameters filled in and groups resolved. */
export function flatSteps(instance: CaseInstance, device: Scope): FlatStep[] {
  const flat: FlatStep[] = [];
  const walk = (steps: readonly RawStep[], scope: Scope, path: string, control: boolean) => {
    steps.forEach((step, i) => {
      const place = `${path}[${i}]`;
      const word = wordOf(step)!;
      const args = step[word] as Record<string, unknown>;
      if (word === 'control') walk(args as unknown as RawStep[], scope, `${place}.control`, true);
      else if (word === 'when') {
        if (evaluate(args.if as string, scope))
          walk(args.steps as RawStep[], scope, `${place}.when`, control);
      } else if (word === 'repeat') {
        const each =
          args.each === undefined
            ? count(fillIn(args.times, scope) as number)
            : (fillIn(args.each, scope) as unknown[]);
        for (const value of each) {
          walk(
            args.steps as RawStep[],
            { ...scope, [(args.as as string) ?? 'i']: value },
            `${place}.repeat`,
            control,
          );
        }
      } else {
        flat.push({
          name: word,
          args: fillIn(args, scope),
          at: place,
          ...(step.for === undefined ? {} : { for: step.for as string }),
          ...(step.tier === undefined ? {} : { tier: step.tier as 'warn' | 'info' }),
          ...(control ? { control } : {}),
        });
      }
    });
  };
  at(instance.definition, 'steps', () =>
    walk(instance.definition.steps, { ...instance.params, device }, 'steps', false),
  );
  return flat;
}

const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Run `action`; a bad expression becomes a problem with the place of the case. */
function at<T>(definition: CatalogueCase, what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new InputError([
      {
        position: definition.position,
        message: `${definition.id}, ${what}: ${error.message}`,
        hint: 'names come from `params`, `repeat` and `device`',
      },
    ]);
  }
}
