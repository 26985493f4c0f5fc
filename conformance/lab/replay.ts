import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HistoryEvent } from '../history/events.ts';
import type { History } from '../history/history.ts';
import { type AgentMessage, JOB_FILE, type Job, MESSAGES_FILE } from './agent.ts';
import { headline, lastLines } from './console-log.ts';
import { guestTarget, jobScript } from './devices.ts';
import { LabError } from './lab-error.ts';
import { Machine, type MachineOptions } from './machine.ts';

/** Milliseconds that boot, replay and power-off may take together. */
const LIMIT_MS = 240_000;

/**
 * Boot a guest, run the steps of `history` against its device, and return what happened. A kernel that dies
 * or hangs shows as the exception of an op that is called `kernel`.
 */
export async function replayInGuest(history: History, options: MachineOptions): Promise<HistoryEvent[]> {
  const { share, device } = options;
  const job: Job = { target: guestTarget(device), history };
  writeFileSync(join(share, 'job.sh'), jobScript(device));
  writeFileSync(join(share, JOB_FILE), JSON.stringify(job));
  writeFileSync(join(share, MESSAGES_FILE), '');
  const machine = new Machine(options);
  const limit = setTimeout(() => void machine.kill(), LIMIT_MS);
  try {
    await machine.ended;
  } finally {
    clearTimeout(limit);
  }
  for (const line of readFileSync(join(share, MESSAGES_FILE), 'utf8').split('\n').filter(Boolean)) {
    const message = JSON.parse(line) as AgentMessage;
    if (message.kind === 'replayed') return message.events;
  }
  const text = machine.console();
  const death = headline(text);
  if (death === null)
    throw new LabError(
      `the guest ended without a result:\n${lastLines(text, 8)}`,
      machine.complaint || 'try again',
    );
  return [{ k: 'throw', op: 'kernel', error: death }];
}
