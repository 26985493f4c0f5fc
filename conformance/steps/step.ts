import type { Session } from '../session/session.ts';

/** JSON Schema (draft-07) of a step's arguments. */
export type JsonSchema = { readonly [key: string]: unknown };

/** A disagreement between what a step saw and what it expects. */
export interface Problem {
  /** Every accepted outcome, in words. */
  expected: string;
  actual: string;
  /** Requirement, when it is not the one of the step or case. */
  requirement?: string;
  /** The steps could not even be carried out as meant: nothing was learnt. */
  blocked?: boolean;
}

/**
 * One word of the step language. `run` carries it out and returns what it saw (plain JSON, recorded in the
 * history; undefined for nothing). `judge` is a pure function of the arguments and what was seen.
 */
export interface StepDefinition<Args = never, Seen = never> {
  readonly name: string;
  /** What it does, for `vdpa-cts steps` and the documentation. */
  readonly summary: string;
  /** Arguments in YAML flow style, as an example that is valid. */
  readonly example: string;
  readonly schema: JsonSchema;
  run(session: Session, args: Args): unknown;
  judge?(args: Args, seen: Seen): Problem[];
  /** Counts that are no verdict, by name; summed up for each target in the results. */
  figures?(seen: Seen): Record<string, number>;
}

// biome-ignore lint/suspicious/noExplicitAny: the registry holds steps of all argument types
export type AnyStep = StepDefinition<any, any>;

export function defineStep<Args, Seen>(step: StepDefinition<Args, Seen>): StepDefinition<Args, Seen> {
  return step;
}

/** A step ready to run: parameters filled in, nesting resolved. */
export interface FlatStep {
  name: string;
  args: unknown;
  /** Requirement that a failure of this step is about. */
  for?: string;
  /** Part of a control: when it fails the case is blocked, not failed. */
  control?: boolean;
  /** A failure is a warning at most, whatever the requirement says. */
  tier?: 'warn' | 'info';
  /** Place in the case, e.g. `steps[3]`. */
  at: string;
}

// ── pieces of schemas that many steps share ──────────────────────────────────────────────────────

/** A text that is one expression; it takes the type of its value. */
export const EXPRESSION = { type: 'string', pattern: '^\\$\\{.*\\}$' } as const;
/** A whole number, or an expression that gives one. */
export const INT = { anyOf: [{ type: 'integer' }, EXPRESSION] } as const;
export const BOOL = { anyOf: [{ type: 'boolean' }, EXPRESSION] } as const;
export const TEXT = { type: 'string' } as const;
export const QUEUE = {
  ...INT,
  description: 'Queue index, or rx, tx, control (default: the data queue).',
} as const;
/** A number that is exact, or bounded: {min, max}. */
export const COUNT = {
  anyOf: [INT, obj({ min: INT, max: INT })],
} as const;

/** An object schema without further properties. */
export function obj(properties: Record<string, unknown>, required: string[] = []): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    properties,
    ...(required.length ? { required } : {}),
  };
}
export const list = (items: unknown, minItems = 0): JsonSchema => ({ type: 'array', items, minItems });
/** The same, or an expression that gives it. */
export const orExpression = (schema: unknown) => ({ anyOf: [schema, EXPRESSION] });
/** One of some values, or an expression that gives one. */
export const oneOf = (...values: (string | number | boolean)[]) => ({
  anyOf: [{ enum: values }, EXPRESSION],
});

export type Count = number | { min?: number; max?: number };

/** Judge a number against a {@link Count}. */
export function judgeCount(what: string, want: Count | undefined, got: number): Problem[] {
  if (want === undefined) return [];
  if (typeof want === 'number')
    return got === want ? [] : [{ expected: `${what}: ${want}`, actual: `${what}: ${got}` }];
  const low = want.min ?? 0;
  const high = want.max ?? Number.POSITIVE_INFINITY;
  if (got >= low && got <= high) return [];
  const range = want.max === undefined ? `at least ${low}` : `${low} to ${high}`;
  return [{ expected: `${what}: ${range}`, actual: `${what}: ${got}` }];
}
