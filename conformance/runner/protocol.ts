import type { BusDriverName } from '../../framework/bound-device.ts';
import type { Figures } from '../figures.ts';
import type { History } from '../history/history.ts';
import type { Verdict } from '../judge.ts';
import type { Finding } from '../oracles/finding.ts';
import type { Combine } from './combine.ts';
import type { DeviceFacts } from './device-facts.ts';

/** How far a worker is: loading, making the first device, planning what to run, running. */
export const PHASE = { LOADING: 0, MAKING: 1, PLANNING: 2, RUNNING: 3 } as const;

/** What a worker is told when it starts. */
export interface WorkerTask {
  target: string;
  catalogue: string[];
  /** JSON file with a catalogue that was loaded elsewhere, to be used instead. */
  compiled?: string;
  select: string[];
  params: string[];
  /** Bus driver, where no case says otherwise. */
  driver?: BusDriverName;
  /** Targets that steps migrate to, in turn; none: devices of the same target. */
  migrateTo?: string[];
  combine: Combine;
  seed: number;
  /** This worker runs the instances whose index is `shard` modulo `shards`. */
  shard: number;
  shards: number;
  /** Instances before this position of its share are done already. */
  from: number;
  /** Stop before this position (default: the end). */
  until?: number;
  /** Keep the histories of all instances, not only of those that did not pass. */
  allHistories: boolean;
  /** For the watchdog, an Int32Array: the position of the instance that runs now; how far it is (see PHASE). */
  position: SharedArrayBuffer;
}

/** One instance as a worker reports it. */
export interface WorkerResult {
  /** Position in the worker's share. */
  at: number;
  id: string;
  case: string;
  verdict: Verdict;
  reason?: string;
  findings: Finding[];
  ms: number;
  /** What its steps measured. */
  figures?: Figures;
  history?: History;
}

export type WorkerMessage =
  | { kind: 'plan'; facts: DeviceFacts; description: string; ids: { id: string; case: string }[] }
  | { kind: 'results'; results: WorkerResult[] }
  | { kind: 'refused'; code: 'BAD_INPUT' | 'BAD_TARGET' | 'BAD_QUERY' | 'SUITE'; message: string }
  | { kind: 'done' };
