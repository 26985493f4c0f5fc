import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { GuestMemory } from '../../framework/memory/guest-memory.ts';
import { requirements } from '../../specs/requirements.ts';
import type { Catalogue } from '../loader/case.ts';
import { loadCatalogue } from '../loader/load.ts';
import { InputError } from '../loader/problems.ts';
import { SUITE_RULES } from '../oracles/suite-rules.ts';
import { type PlannedInstance, planCase } from './combine.ts';
import { type DeviceFacts, deviceFacts } from './device-facts.ts';
import { overrideParams } from './params.ts';
import { PHASE, type WorkerMessage, type WorkerResult, type WorkerTask } from './protocol.ts';
import { QueryError, selector } from './query.ts';
import { type InstanceOutcome, runApplicable } from './run-instance.ts';
import { type ParentSource, resolveTarget, TargetError } from './targets.ts';

/** Results are sent in batches of about this many milliseconds. */
const BATCH_MS = 40;

/** How a worker reports to whoever watches it. */
export interface WorkerChannel {
  send(message: WorkerMessage): void;
  /** Target and catalogue are loaded: from here on the parent is timed. */
  loaded(): void;
  /** A device could be made. */
  made?(): void;
  /** It is known what will run. */
  planned?(): void;
  /** The instance at position `at` begins; `id` is its name. */
  begin(at: number, id: string): void;
  /** Results may wait this many milliseconds before they are sent. */
  readonly batchMs: number;
}

/** Run one share after the other and report to the thread that started this one, until it ends this one. */
export async function runWorker(source: ParentSource): Promise<void> {
  let task = workerData as WorkerTask;
  for (;;) {
    const position = new Int32Array(task.position);
    await runTask(task, source, {
      batchMs: BATCH_MS,
      send: (message) => parentPort!.postMessage(message),
      loaded: () => Atomics.store(position, 1, PHASE.MAKING),
      made: () => Atomics.store(position, 1, PHASE.PLANNING),
      planned: () => Atomics.store(position, 1, PHASE.RUNNING),
      begin: (at) => Atomics.store(position, 0, at),
    });
    [task] = (await once(parentPort!, 'message')) as [WorkerTask];
  }
}

/** Carry out `task` and report through `channel`; what keeps it from being carried out is reported as well. */
export async function runTask(
  task: Omit<WorkerTask, 'position'>,
  source: ParentSource,
  channel: WorkerChannel,
): Promise<void> {
  const send = (message: WorkerMessage) => channel.send(message);
  try {
    await work(task, source, channel);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const text =
      error instanceof TargetError || error instanceof QueryError
        ? `${message}\n    hint: ${error.hint}`
        : message;
    if (error instanceof InputError || error instanceof QueryError || error instanceof TargetError)
      send({ kind: 'refused', code: error.code, message: text });
    else
      send({
        kind: 'refused',
        code: 'SUITE',
        message: error instanceof Error ? (error.stack ?? message) : message,
      });
  }
}

/** What a target runs, all of it. */
interface Plan {
  readonly target: Awaited<ReturnType<typeof resolveTarget>>;
  readonly facts: DeviceFacts;
  readonly instances: readonly PlannedInstance[];
}

async function planFor(
  task: Omit<WorkerTask, 'position'>,
  source: ParentSource,
  channel: WorkerChannel,
): Promise<Plan> {
  const target = { ...(await resolveTarget(task.target, source, task.migrateTo)), driver: task.driver };
  const { cases } = catalogueOf(task);
  const query = selector(task.select, requirements());
  // A device in process has to return; to start one outside takes as long as it takes.
  const external = target.definition.external ?? false;
  if (!external) channel.loaded();
  const facts = createFacts(target);
  channel.made?.();
  const selected = cases.filter((definition) => query.matchesCase(definition));
  const instances = overrideParams(selected, task.params)
    .flatMap((definition) => planCase(definition, facts, query.partial ? 'all' : task.combine))
    .filter(({ instance: { definition, id } }) => query.matchesInstance(definition, id));
  return { target, facts, instances };
}

/** The latest plan: the next share of the same target has the same. */
let latest: { readonly of: string; readonly plan: Plan } | null = null;

async function work(
  task: Omit<WorkerTask, 'position'>,
  source: ParentSource,
  channel: WorkerChannel,
): Promise<void> {
  const { target: name, driver, migrateTo, catalogue, compiled, select, params, combine } = task;
  const of = JSON.stringify([name, driver, migrateTo, catalogue, compiled, select, params, combine]);
  if (latest?.of !== of) latest = { of, plan: await planFor(task, source, channel) };
  const { target, facts } = latest.plan;
  const instances = latest.plan.instances.filter((_, i) => i % task.shards === task.shard);
  if (task.from === 0) {
    const ids = instances.map(({ instance: { id, definition } }) => ({ id, case: definition.id }));
    channel.send({ kind: 'plan', facts, description: target.definition.description, ids });
  }
  channel.planned?.();
  const guest = new GuestMemory(8 << 20);
  let batch: WorkerResult[] = [];
  let sent = performance.now();
  const end = task.until ?? instances.length;
  for (let at = task.from; at < end; at++) {
    const { instance, skip } = instances[at];
    channel.begin(at, instance.id);
    const begun = performance.now();
    const outcome: InstanceOutcome =
      skip === null
        ? runApplicable(instance, target, facts, guest, task.seed)
        : { verdict: 'skip', findings: [], reason: skip };
    const now = performance.now();
    const keep = task.allHistories || !['pass', 'skip'].includes(outcome.verdict);
    batch.push({
      at,
      id: instance.id,
      case: instance.definition.id,
      verdict: outcome.verdict,
      ...(outcome.reason ? { reason: outcome.reason } : {}),
      findings: outcome.findings,
      ms: now - begun,
      ...(outcome.figures ? { figures: outcome.figures } : {}),
      ...(keep && outcome.history ? { history: outcome.history } : {}),
    });
    if (now - sent > channel.batchMs) {
      channel.send({ kind: 'results', results: batch });
      batch = [];
      sent = now;
    }
  }
  guest.dispose();
  channel.send({ kind: 'results', results: batch });
  channel.send({ kind: 'done' });
}

function catalogueOf({ catalogue, compiled }: Pick<WorkerTask, 'catalogue' | 'compiled'>): Catalogue {
  if (compiled !== undefined) return JSON.parse(readFileSync(compiled, 'utf8')) as Catalogue;
  const known = new Set([...requirements().keys(), ...Object.keys(SUITE_RULES)]);
  return loadCatalogue(catalogue, known);
}

/** Facts of the target; a parent that cannot even be created is a problem of the target. */
function createFacts(target: Awaited<ReturnType<typeof resolveTarget>>) {
  try {
    return deviceFacts(target.definition, target.options);
  } catch (error) {
    throw new TargetError(
      `${target.name} cannot be used: ${(error as Error).message}`,
      'see `vdpa-cts targets` for options and examples/ for a parent that works',
    );
  }
}
