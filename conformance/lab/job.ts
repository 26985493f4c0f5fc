import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { patience } from '../runner/patience.ts';
import { type AgentMessage, JOB_FILE, type Job, MESSAGES_FILE } from './agent.ts';
import { headline, lastLines } from './console-log.ts';
import { jobScript } from './devices.ts';
import { LabError } from './lab-error.ts';
import { Machine, type MachineOptions } from './machine.ts';

/** Milliseconds that boot, job and power-off may take together. */
const LIMIT_MS = 240_000;

/** What came of a job: what the guest told, and what its kernel died of (null: it did not). */
export interface JobOutcome {
  messages: AgentMessage[];
  death: string | null;
}

/**
 * Boot a guest for one job and wait until it has powered off or died.
 * @throws LabError when it ended without a word, and nobody can say why
 */
export async function runJob(job: Job, options: MachineOptions): Promise<JobOutcome> {
  const { share, device } = options;
  writeFileSync(join(share, 'job.sh'), jobScript(device));
  writeFileSync(join(share, JOB_FILE), JSON.stringify(job));
  writeFileSync(join(share, MESSAGES_FILE), '');
  const machine = new Machine(options);
  let late = false;
  const limitMs = patience(LIMIT_MS);
  const limit = setTimeout(() => {
    late = true;
    void machine.kill();
  }, limitMs);
  try {
    await machine.ended;
  } finally {
    clearTimeout(limit);
  }
  const lines = readFileSync(join(share, MESSAGES_FILE), 'utf8').split('\n');
  // The last line is empty, or was cut when the guest died.
  const messages = lines.slice(0, -1).map((line) => JSON.parse(line) as AgentMessage);
  const text = machine.console();
  const death = headline(text) ?? (late ? `the guest was not done within ${limitMs / 1000} s` : null);
  if (messages.length === 0 && death === null)
    throw new LabError(
      `the guest ended without a result:\n${lastLines(text, 8)}`,
      machine.complaint || 'try again',
    );
  return { messages, death };
}
