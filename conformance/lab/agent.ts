import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { vdpaTool } from '../../framework/management/tool/tool.ts';
import { GuestMemory } from '../../framework/memory/guest-memory.ts';
import { openNetlink } from '../../framework/native/netlink.ts';
import { Resources } from '../../framework/native/resources.ts';
import type { HistoryEvent } from '../history/events.ts';
import type { History } from '../history/history.ts';
import type { WorkerMessage, WorkerTask } from '../runner/protocol.ts';
import { runSteps } from '../runner/run-case.ts';
import { type ParentSource, resolveTarget } from '../runner/targets.ts';
import { runTask } from '../runner/worker-main.ts';
import { NODE } from './devices.ts';

/** Files of the shared folder of a machine: what is to be run, and one JSON line for each thing that happened. */
export const JOB_FILE = 'job.json';
export const MESSAGES_FILE = 'messages.jsonl';

/** What the guest tells the host; `begin` and `loaded` stand for the shared position of a thread. */
export type AgentMessage =
  | WorkerMessage
  | { kind: 'loaded' }
  | { kind: 'begin'; at: number }
  | Replayed
  | ToolRan;

/** The events of a history that was replayed. */
export interface Replayed {
  kind: 'replayed';
  events: HistoryEvent[];
}

/** One command of the vdpa tool was carried out: what it printed, and its exit code. */
export interface ToolRan {
  kind: 'tool';
  out: string;
  err: string;
  code: number;
}

/** What the guest is to do: a share of a run, one history once more, or commands of the vdpa tool. */
export type Job =
  | Omit<WorkerTask, 'position'>
  | { target: string; history: History }
  | { tool: readonly (readonly string[])[] };

/** Line on the console before the output of an instance. */
export const caseLine = (at: number, id: string): string => `lab: case ${at} ${id}`;

/**
 * The suite inside the guest: carry out the job in `share` and write down what happens, each line before the
 * next instance begins, so that a kernel that dies takes nothing of it along.
 */
export async function runAgent(
  share: string,
  source: ParentSource,
  log: string | null = '/dev/kmsg',
): Promise<void> {
  const job = JSON.parse(readFileSync(join(share, JOB_FILE), 'utf8')) as Job;
  const out = openSync(join(share, MESSAGES_FILE), 'a');
  const console = log === null ? null : openSync(log, 'w');
  const send = (message: AgentMessage) => writeSync(out, `${JSON.stringify(message)}\n`);
  if ('history' in job) {
    send({ kind: 'replayed', events: await replay(job.target, job.history, source) });
    return;
  }
  if ('tool' in job) {
    for (const words of job.tool) send(runTool(words));
    return;
  }
  await runTask(job, source, {
    batchMs: -1,
    send,
    loaded: () => send({ kind: 'loaded' }),
    begin: (at, id) => {
      if (isGivenUp(NODE)) process.exit(1);
      // Level 3, so that it is shown even to a quiet kernel.
      if (console !== null) writeSync(console, `<3>${caseLine(at, id)}`);
      send({ kind: 'begin', at });
    },
  });
}

/**
 * Whether the kernel has given the device behind a node up for good (VDUSE: once its daemon did not answer in time):
 * a fresh guest has to go on, with the instance that would begin now.
 */
function isGivenUp(node: string): boolean {
  try {
    closeSync(openSync(node, 'r+'));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EIO';
  }
}

async function replay(name: string, history: History, source: ParentSource): Promise<HistoryEvent[]> {
  const { definition, options } = await resolveTarget(name, source);
  const guest = new GuestMemory(8 << 20);
  try {
    return runSteps(history.steps, { ...history, definition, options, guest });
  } finally {
    guest.dispose();
  }
}

/** The vdpa tool over the kernel that this runs on. */
function runTool(words: readonly string[]): ToolRan {
  const resources = new Resources();
  const out: string[] = [];
  const err: string[] = [];
  const output = { out: (text: string) => void out.push(text), err: (text: string) => void err.push(text) };
  try {
    const code = vdpaTool(words, { connect: () => resources.own(openNetlink()), output });
    return { kind: 'tool', out: out.join(''), err: err.join(''), code };
  } finally {
    resources.dispose();
  }
}
