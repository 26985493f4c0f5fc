import type { DeviceType } from '../specs/virtio-1.1/device-ids.ts';

/**
 * Results of a run: the one format that reports are made from. Versioned, described by
 * `specs/schema/results.schema.json`. Everything but `timing` members depends on the input only.
 */
export const RESULTS_VERSION = 1;

export type ResultVerdict =
  | 'pass'
  | 'skip'
  | 'xfail'
  | 'warn'
  | 'blocked'
  | 'xpass'
  | 'fail'
  | 'hang'
  | 'crash'
  | 'error';

/** From harmless to worst. */
export const VERDICT_ORDER: readonly ResultVerdict[] = [
  'pass',
  'skip',
  'xfail',
  'warn',
  'blocked',
  'xpass',
  'fail',
  'hang',
  'crash',
  'error',
];

export const worstVerdict = (a: ResultVerdict, b: ResultVerdict): ResultVerdict =>
  VERDICT_ORDER.indexOf(a) >= VERDICT_ORDER.indexOf(b) ? a : b;

/** Verdicts with which a run may exit 0. */
export const HARMLESS: ReadonlySet<ResultVerdict> = new Set(['pass', 'skip', 'xfail', 'warn']);

export interface ResultFinding {
  oracle: string;
  requirement: string;
  step: number;
  expected: string;
  actual: string;
  kind: 'broken' | 'crash' | 'hang' | 'blocked';
  tier?: 'warn' | 'info';
  event?: number;
}

/** One slot of a ring as it stood when the failure showed. */
export interface PictureSlot {
  slot: number;
  /** Name of the buffer that occupies it. */
  buffer?: string;
  /** free, added (not available yet), available, used (given back). */
  state: 'free' | 'added' | 'available' | 'used';
  elements?: { write: boolean; len: number }[];
  /**
   * What the device stored. Packed: the used descriptor in this slot. Split: the element of the used ring
   * with this index, which says nothing about the descriptor of the same number.
   */
  used?: { id: number; len?: number; flags?: number };
  indirect?: boolean;
  /** What is wrong with this slot; reports highlight it. */
  wrong?: string;
}

export interface PictureQueue {
  queue: number;
  packed: boolean;
  num: number;
  slots: PictureSlot[];
  /** Split: indices; packed: positions with wrap counters. */
  driverPosition: string;
  devicePosition: string;
}

/** A stretch of memory with who may write it and who did. */
export interface PictureMemory {
  name: string;
  iova: string;
  size: number;
  role: 'readable' | 'writable' | 'desc' | 'driver' | 'device' | 'table' | 'other';
  /** Ranges the device stored into: [offset, length, allowed]. */
  stores: [number, number, boolean][];
}

/** Ring and memory state at a failure. */
export interface Picture {
  event: number;
  queues: PictureQueue[];
  memory: PictureMemory[];
}

/** One line of a case's transcript. */
export interface TranscriptLine {
  /** Index of the step, −1 before the first. */
  step: number;
  /** Who acts. */
  from: 'driver' | 'device' | 'suite';
  text: string;
  /** Index of the event in the history. */
  event: number;
}

export interface CaseResult {
  /** Id of the case, e.g. `device-status/reset-reads-zero`. */
  case: string;
  /** Id of the instance, parameters included. */
  id: string;
  /** Index into `targets`. */
  target: number;
  verdict: ResultVerdict;
  /** Why it was skipped, blocked or could not be run; or the waiver that applies. */
  reason?: string;
  findings: ResultFinding[];
  /** Only for instances that did not pass. */
  detail?: {
    /** The steps with parameters filled in, one line of YAML each. */
    steps: string[];
    transcript: TranscriptLine[];
    picture?: Picture;
    /** File of the history, relative to the results file. */
    history?: string;
    /** Command that runs it again. */
    replay: string;
  };
  timing: { ms: number };
}

export interface ResultCase {
  id: string;
  title: string;
  class: 'conformance' | 'resilience';
  requirements: string[];
  why: string;
  ambiguity?: string;
  /** Place in the catalogue. */
  file: string;
  line: number;
}

export interface ResultRequirement {
  id: string;
  section: string;
  title: string;
  chapter: string;
  level: string;
  party: string;
  kind: string;
  scope: string;
  clauses: string[];
  summary: string;
  decided: {
    by: 'cases' | 'transport' | 'outside';
    class?: string;
    strength?: string;
    twin?: string;
    reason?: string;
  };
  /** Ids of the cases that cite it. */
  cases: string[];
  /** Per target: worst verdict over the instances that decide it; `none` when no instance ran. */
  verdicts: (ResultVerdict | 'none')[];
  /** Targets whose `pass` is that of the parent, which keeps this side of the device itself: it decides nothing. */
  emulated?: number[];
  /** Seeded defects that its cases have been shown to find. */
  proofs: number;
}

/** A rule of the suite itself that findings may cite, e.g. `INV-ALIVE`. */
export interface ResultRule {
  id: string;
  summary: string;
}

export interface ResultTarget {
  name: string;
  type: DeviceType;
  description: string;
  options: Record<string, string>;
  /** Names of the features that it offers. */
  features: string[];
  abilities: string[];
  /** Sums over what steps measured, by name: counts that are no verdict. */
  figures?: Record<string, number>;
  /** What the device stands on, where steps can see it. */
  transport?: 'pci' | 'mmio';
}

export interface ResultSummary {
  verdicts: Record<ResultVerdict, number>;
  /** Requirements of the decidable ones that were decided, and all decidable ones, over all targets. */
  decided: number;
  decidable: number;
  cases: number;
  instances: number;
}

export interface Results {
  version: typeof RESULTS_VERSION;
  suite: { name: 'vdpa-cts'; version: string; catalogue: string };
  /** False when the run ended early. */
  complete: boolean;
  seed: number;
  selection: string[];
  targets: ResultTarget[];
  cases: ResultCase[];
  requirements: ResultRequirement[];
  /** Rules of the suite itself, where findings cite any. */
  rules?: ResultRule[];
  results: CaseResult[];
  summary: ResultSummary;
  timing: { started: string; ms: number };
}
