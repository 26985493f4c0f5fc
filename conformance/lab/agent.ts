import { openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkerMessage, WorkerTask } from '../runner/protocol.ts';
import type { ParentSource } from '../runner/targets.ts';
import { runTask } from '../runner/worker-main.ts';

/** Files of the shared folder of a machine: what is to be run, and one JSON line for each thing that happened. */
export const JOB_FILE = 'job.json';
export const MESSAGES_FILE = 'messages.jsonl';

/** What the guest tells the host; `begin` and `loaded` stand for the shared position of a thread. */
export type AgentMessage = WorkerMessage | { kind: 'loaded' } | { kind: 'begin'; at: number };

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
  const task = JSON.parse(readFileSync(join(share, JOB_FILE), 'utf8')) as Omit<WorkerTask, 'position'>;
  const out = openSync(join(share, MESSAGES_FILE), 'a');
  const console = log === null ? null : openSync(log, 'w');
  const send = (message: AgentMessage) => writeSync(out, `${JSON.stringify(message)}\n`);
  await runTask(task, source, {
    batchMs: -1,
    send,
    loaded: () => send({ kind: 'loaded' }),
    begin: (at, id) => {
      // Level 3, so that it is shown even to a quiet kernel.
      if (console !== null) writeSync(console, `<3>${caseLine(at, id)}`);
      send({ kind: 'begin', at });
    },
  });
}
