import { EventEmitter } from 'node:events';
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalogue } from '../loader/case.ts';
import { PHASE, type WorkerMessage, type WorkerTask } from '../runner/protocol.ts';
import type { PoolWorker } from '../runner/share-thread.ts';
import { type AgentMessage, JOB_FILE, MESSAGES_FILE } from './agent.ts';
import { headline, lastLines, sinceLastCase } from './console-log.ts';
import { guestTarget, jobScript } from './devices.ts';
import { Machine, type MachineOptions } from './machine.ts';

/** How often the host looks for news from the guest, in milliseconds. */
const LOOK_MS = 20;

const CATALOGUE_FILE = 'catalogue.json';

export interface RemoteOptions extends MachineOptions {
  task: WorkerTask;
  /** The catalogue as the host loaded it. */
  catalogue: Catalogue;
  /** Name of the target in reports. */
  name: string;
  /** Shell commands for the guest before the cases. */
  before?: readonly string[];
  /** Hears what the console said during an instance that hung or killed the guest; returns where it was kept. */
  keepConsole(at: number, text: string): string;
}

/** A worker of the pool that runs in a guest: its messages come through a shared folder. */
export class RemoteWorker extends EventEmitter implements PoolWorker {
  readonly #machine: Machine;
  readonly #options: RemoteOptions;
  readonly #position: Int32Array;
  readonly #messages: number;
  readonly #timer: NodeJS.Timeout;
  #rest = '';
  #offset = 0;
  #done = false;

  constructor(options: RemoteOptions) {
    super();
    const { task, share, device } = options;
    this.#options = options;
    this.#position = new Int32Array(task.position);
    const { position: _, ...plain } = task;
    writeFileSync(join(share, 'job.sh'), jobScript(device, options.before));
    writeFileSync(join(share, CATALOGUE_FILE), JSON.stringify(options.catalogue));
    const job = { ...plain, target: guestTarget(device), compiled: `/share/${CATALOGUE_FILE}` };
    writeFileSync(join(share, JOB_FILE), JSON.stringify(job));
    this.#messages = openSync(join(share, MESSAGES_FILE), 'w+');
    this.#machine = new Machine(options);
    this.#timer = setInterval(() => this.#read(), LOOK_MS);
    void this.#machine.ended.then(() => this.#ended());
  }

  async terminate(): Promise<void> {
    await this.#machine.kill();
    this.#release();
  }

  /** Why the guest died or hangs, as far as its console tells. */
  cause(): string {
    const text = this.#machine.console();
    const at = Atomics.load(this.#position, 0);
    if (Atomics.load(this.#position, 1) !== PHASE.RUNNING)
      return [this.#machine.complaint, lastLines(text, 8)].filter(Boolean).join('\n');
    const kept = this.#options.keepConsole(at, sinceLastCase(text));
    return `${headline(text) ?? 'the kernel says nothing about it'} (console: ${kept})`;
  }

  /** QEMU has ended: by itself when the agent is done, or because the kernel died. */
  #ended(): void {
    this.#read();
    this.#release();
    if (!this.#done) this.emit('exit', 1);
  }

  #release(): void {
    if (this.#offset < 0) return;
    clearInterval(this.#timer);
    closeSync(this.#messages);
    this.#offset = -1;
  }

  #read(): void {
    const chunk = Buffer.alloc(1 << 20);
    while (this.#offset >= 0) {
      const n = readSync(this.#messages, chunk, 0, chunk.length, this.#offset);
      if (n === 0) return;
      this.#offset += n;
      // Latin-1 keeps bytes of characters that are cut in two together; decoded line by line.
      const lines = (this.#rest + chunk.toString('latin1', 0, n)).split('\n');
      this.#rest = lines.pop()!;
      for (const line of lines)
        this.#take(JSON.parse(Buffer.from(line, 'latin1').toString()) as AgentMessage);
    }
  }

  #take(message: AgentMessage): void {
    if (message.kind === 'loaded') Atomics.store(this.#position, 1, PHASE.MAKING);
    else if (message.kind === 'begin') {
      Atomics.store(this.#position, 0, message.at);
      Atomics.store(this.#position, 1, PHASE.RUNNING);
    } else if (message.kind !== 'replayed' && message.kind !== 'tool') {
      if (message.kind === 'done') this.#done = true;
      if (message.kind === 'refused') this.#done = true;
      this.emit('message', this.#renamed(message));
    }
  }

  /** Histories name the target as the host knows it. */
  #renamed(message: WorkerMessage): WorkerMessage {
    if (message.kind === 'refused')
      return {
        ...message,
        message: message.message.replaceAll(guestTarget(this.#options.device), this.#options.name),
      };
    if (message.kind !== 'results') return message;
    for (const { history } of message.results) if (history) history.target.name = this.#options.name;
    return message;
  }
}
