import type { Position } from './case.ts';

/** One thing wrong with a file that a person wrote, with the place and what to do about it. */
export interface FileProblem {
  position: Position;
  message: string;
  hint?: string;
}

/** Input files that cannot be used; carries every problem found. */
export class InputError extends Error {
  readonly code = 'BAD_INPUT';
  readonly problems: readonly FileProblem[];
  constructor(problems: readonly FileProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/** `file:line:column: message` and, on the next line, the hint. */
export function formatProblem({ position, message, hint }: FileProblem): string {
  const place = `${position.file}:${position.line}:${position.column}`;
  return hint ? `${place}: ${message}\n    hint: ${hint}` : `${place}: ${message}`;
}
