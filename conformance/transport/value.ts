import type { Session } from '../session/session.ts';
import { BOOL, INT, type JsonSchema, list, orExpression, type Problem, TEXT } from '../steps/step.ts';

/** What a register value may be held against. */
export interface ValueArgs {
  equals?: number;
  mask?: number;
  'one-of'?: number[];
  min?: number;
  max?: number;
  'power-of-2'?: boolean;
  save?: string;
  same?: string;
  differs?: string;
}

/** A value as read, with the one it is compared with. */
export interface ValueSeen {
  value: number;
  saved?: number;
}

/** Schema of {@link ValueArgs}. */
export const VALUE: Record<string, JsonSchema> = {
  equals: INT,
  mask: { ...INT, description: 'Bits to look at (default: all).' },
  'one-of': orExpression(list(INT)),
  min: INT,
  max: INT,
  'power-of-2': { ...BOOL, description: 'A power of two, or 0.' },
  save: TEXT,
  same: TEXT,
  differs: TEXT,
};

/** Keep and look up saved values for a value that was read. */
export function seen(session: Session, args: ValueArgs, value: number): ValueSeen {
  const bits = masked(args, value);
  const other = args.same ?? args.differs;
  const saved = other === undefined ? undefined : (session.saved.get(`register:${other}`) as number);
  if (args.save !== undefined) session.saved.set(`register:${args.save}`, bits);
  return { value: bits, ...(saved === undefined ? {} : { saved }) };
}

function masked({ mask }: ValueArgs, value: number): number {
  return mask === undefined ? value : (value & mask) >>> 0;
}

const show = (value: number) => `0x${value.toString(16)}`;

/** Hold a value against what is expected of it. */
export function judgeValue(what: string, args: ValueArgs, { value, saved }: ValueSeen): Problem[] {
  const problems: Problem[] = [];
  const want = (ok: boolean, expected: string) => {
    if (!ok) problems.push({ expected: `${what}: ${expected}`, actual: show(value) });
  };
  if (args.equals !== undefined) want(value === masked(args, args.equals), show(masked(args, args.equals)));
  if (args['one-of']) want(args['one-of'].includes(value), args['one-of'].map(show).join(' or '));
  if (args.min !== undefined) want(value >= args.min, `at least ${show(args.min)}`);
  if (args.max !== undefined) want(value <= args.max, `at most ${show(args.max)}`);
  if (args['power-of-2']) want((value & (value - 1)) === 0, 'a power of two, or 0');
  if (args.same !== undefined) want(value === saved, `${show(saved ?? 0)}, as before`);
  if (args.differs !== undefined) want(value !== saved, `something else than ${show(saved ?? 0)}`);
  return problems;
}
