import type { SequenceStep } from './sequence.ts';

type Piece = Omit<SequenceStep, 'at'>[];

/** Keys of arguments that give a name to what a step makes or keeps. */
const GIVES = ['as', 'save'];

/**
 * Give every copy of a piece names of its own: two scenes that both look at `late0` would each look at the
 * requests of the other as well. Single steps keep theirs, they may belong to a request anywhere before.
 */
export function namedApart(pieces: readonly Piece[]): Piece[] {
  const taken = new Set<string>();
  return pieces.map((piece) => {
    const given = namesIn(piece);
    if (piece.length === 1) {
      for (const name of given) taken.add(name);
      return piece;
    }
    const renamed = new Map<string, string>();
    for (const name of given) {
      const free = freeName(name, taken);
      taken.add(free);
      if (free !== name) renamed.set(name, free);
    }
    if (renamed.size === 0) return piece;
    return piece.map((step) => ({ ...step, args: rename(step.args, renamed) }));
  });
}

function namesIn(piece: Piece): Set<string> {
  const names = new Set<string>();
  for (const { args } of piece) {
    if (typeof args !== 'object' || args === null) continue;
    for (const key of GIVES) {
      const name = (args as Record<string, unknown>)[key];
      if (typeof name === 'string') names.add(name);
    }
  }
  return names;
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  let n = 2;
  while (taken.has(`${name}x${n}`)) n++;
  return `${name}x${n}`;
}

/** `args` with names replaced, also where one stands before a part of a list (`late0.1`). */
function rename(args: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof args === 'string') {
    const [name, ...rest] = args.split('.');
    const other = names.get(name);
    return other === undefined ? args : [other, ...rest].join('.');
  }
  if (Array.isArray(args)) return args.map((one) => rename(one, names));
  if (typeof args !== 'object' || args === null) return args;
  return Object.fromEntries(Object.entries(args).map(([key, value]) => [key, rename(value, names)]));
}
