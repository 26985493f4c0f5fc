import { deviceNames } from '../runner/device-facts.ts';
import type { CaseDefinition, Position, RawStep } from './case.ts';
import { checkExpression, ExpressionError, expressionsIn } from './expression.ts';
import type { FileProblem } from './problems.ts';
import { wordOf } from './schema.ts';

type Route = (string | number)[];

/** Problems with the expressions of a case: syntax, functions, and names that stand for nothing. */
export function checkExpressions(
  definition: CaseDefinition,
  index: number,
  place: (route: Route) => Position,
): FileProblem[] {
  const problems: FileProblem[] = [];
  const members = deviceNames();
  const check = (text: string, names: readonly string[], route: Route) => {
    try {
      checkExpression(text, names, members);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      const hint =
        'names come from `params`, `repeat` and `device`; functions are min, max, floor, pow2, hex';
      problems.push({
        position: place([index, ...route]),
        message: `case ${definition.id}: ${error.message}`,
        hint,
      });
    }
  };
  const texts = (value: unknown, names: readonly string[], route: Route): void => {
    if (typeof value === 'string') {
      for (const text of expressionsIn(value)) check(text, names, route);
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value))
        texts(inner, names, [...route, Array.isArray(value) ? Number(key) : key]);
    }
  };
  const steps = (list: readonly RawStep[], names: readonly string[], route: Route): void => {
    list.forEach((step, i) => {
      const word = wordOf(step)!;
      const here = [...route, i, word];
      const args = step[word] as { if?: string; as?: string; steps?: RawStep[] };
      if (word === 'control') steps(step[word] as RawStep[], names, here);
      else if (word === 'when' || word === 'repeat') {
        const { steps: nested = [], if: condition, ...rest } = args;
        if (condition !== undefined) check(condition, names, [...here, 'if']);
        texts(rest, names, here);
        steps(nested, word === 'repeat' ? [...names, args.as ?? 'i'] : names, [...here, 'steps']);
      } else texts(args, names, here);
    });
  };
  const { params = {}, where, needs } = definition;
  const own = [...Object.keys(params), 'device'];
  texts(params, ['device'], ['params']);
  if (where !== undefined) check(where, own, ['where']);
  const { holds = [], ...plain } = needs ?? {};
  texts(plain, own, ['needs']);
  holds.forEach((one, i) => {
    check(one.if, own, ['needs', 'holds', i, 'if']);
    texts(one.else, own, ['needs', 'holds', i, 'else']);
  });
  steps(definition.steps, own, ['steps']);
  return problems;
}
