import type { ParentDefinition } from '../../framework/parent.ts';
import type { ParentSource } from '../runner/targets.ts';

/** Exit codes of the command line. */
export const EXIT = {
  /** Nothing found. */
  CLEAN: 0,
  /** At least one finding: fail, hang, crash, blocked or xpass. */
  FINDINGS: 1,
  /** The command was used wrongly: arguments, files, an empty selection. */
  USAGE: 2,
  /** The suite itself failed. */
  SUITE: 3,
  /** Interrupted; what was measured is in the report. */
  INTERRUPTED: 130,
} as const;

/** What a seeded defect tells the commands; the wrong device is the parent `<parent>+<id>`. */
export interface ProvenDefect {
  id: string;
  /** Names of the parents that it can be seeded into. */
  parents: readonly string[];
  breaks: readonly string[];
  what: string;
  /** `yes`, or the reason why random steps cannot reach it. */
  fuzz: string;
  /** Options that the parent needs. */
  options?: Readonly<Record<string, string>>;
}

/** What commands get from the composition root: rooms that they may not import themselves. */
export interface CommandContext {
  parents: ParentSource;
  builtIn: ReadonlyMap<string, ParentDefinition>;
  /** Targets of a run that names none. */
  defaultTargets: readonly string[];
  defects: readonly ProvenDefect[];
  /** Script of the conformance worker. */
  workerScript: URL;
  /** Script of the fuzz worker. */
  fuzzWorkerScript: URL;
  /** Script of the worker that proves defects. */
  proveWorkerScript: URL;
  /** Worker that measures rings. */
  ringBenchScript: URL;
  version: string;
  out: NodeJS.WriteStream;
  err: NodeJS.WriteStream;
}

/** A command was used wrongly; carries a hint. */
export class UsageError extends Error {
  readonly code = 'USAGE';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Folder of the catalogue that comes with the suite. */
export const CATALOGUE = 'conformance/catalogue';
