import { tryRead, writeAll } from '../../framework/native/fd.ts';
import type { QemuProcess } from './process.ts';

/** Posted commands after which the answers are read, so that neither side's socket buffer fills up. */
const MOST_POSTED = 512;
const MILLISECONDS = 10_000;

/** An answer that is not `OK`. */
export class QtestError extends Error {
  readonly code = 'QTEST';
}

/**
 * The driver's side of QEMU's qtest protocol: one command a line, one answer a line, in order; lines that start
 * with `IRQ` come in between and tell levels of intercepted interrupt lines. Commands may be sent before the
 * answers of earlier ones are read; whatever needs no answer is posted and travels with the next question.
 */
export class Qtest {
  /** Levels of the intercepted interrupt lines, by number; true: raised. */
  readonly levels = new Map<number, boolean>();
  /** Times that any of them was raised so far. */
  raised = 0;
  readonly #fd: number;
  readonly #process: QemuProcess;
  readonly #bytes = new Uint8Array(64 << 10);
  /** Commands so far that may have given the device something to do. */
  carriedOut = 0;
  #unsent = '';
  #posted = 0;
  #lines: string[] = [];
  #next = 0;
  #rest = '';

  constructor(fd: number, process: QemuProcess) {
    this.#fd = fd;
    this.#process = process;
  }

  /** Send a command some time before the next answer is read. */
  post(command: string): void {
    this.#unsent += `${command}\n`;
    if (++this.#posted >= MOST_POSTED) this.sync();
  }

  /** Send a command and return what follows `OK` in its answer. */
  ask(command: string): string {
    this.#unsent += `${command}\n`;
    this.#flush();
    return this.#answer(command);
  }

  /** Send several commands at once and return their answers in order. */
  askAll(commands: readonly string[]): string[] {
    this.sync();
    const answers: string[] = [];
    for (let at = 0; at < commands.length; at += MOST_POSTED) {
      const part = commands.slice(at, at + MOST_POSTED);
      this.#unsent += `${part.join('\n')}\n`;
      this.#flush();
      for (const command of part) answers.push(this.#answer(command));
    }
    return answers;
  }

  /** Everything posted has been carried out when this returns. */
  sync(): void {
    if (this.#posted > 0) this.#flush();
  }

  /** One turn of QEMU's main loop at least: what it had put off until then is done. */
  turn(): void {
    this.ask('inb 0x80');
  }

  read(size: 1 | 2 | 4, address: number): number {
    return Number(this.ask(`read${WIDTH[size]} 0x${address.toString(16)}`));
  }
  readMany(places: readonly (readonly [1 | 2 | 4, number])[]): number[] {
    const commands = places.map(([size, address]) => `read${WIDTH[size]} 0x${address.toString(16)}`);
    return this.askAll(commands).map(Number);
  }
  write(size: 1 | 2 | 4, address: number, value: number): void {
    this.carriedOut++;
    this.post(`write${WIDTH[size]} 0x${address.toString(16)} 0x${(value >>> 0).toString(16)}`);
  }
  in(size: 1 | 2 | 4, port: number): number {
    return Number(this.ask(`in${WIDTH[size]} 0x${port.toString(16)}`));
  }
  out(size: 1 | 2 | 4, port: number, value: number): void {
    this.carriedOut++;
    this.post(`out${WIDTH[size]} 0x${port.toString(16)} 0x${(value >>> 0).toString(16)}`);
  }

  /** Have the levels of the interrupt inputs of the device at a QOM path told. */
  intercept(path: string): void {
    this.ask(`irq_intercept_in ${path}`);
  }

  #flush(): void {
    const text = this.#unsent;
    const posted = this.#posted;
    this.#unsent = '';
    this.#posted = 0;
    this.#process.guard('qtest', () => writeAll(this.#fd, Buffer.from(text, 'latin1'), MILLISECONDS));
    for (let i = 0; i < posted; i++) this.#answer('');
  }

  #answer(command: string): string {
    for (;;) {
      const line = this.#line();
      if (line.startsWith('OK')) return line.slice(3);
      if (line.startsWith('IRQ ')) this.#irq(line);
      else throw new QtestError(`QEMU answers ${command || 'a posted command'} with ${line}`);
    }
  }

  #irq(line: string): void {
    const [, change, number] = line.split(' ');
    if (change === 'raise') this.raised++;
    this.levels.set(Number(number), change === 'raise');
  }

  #line(): string {
    while (this.#next >= this.#lines.length) this.#receive();
    return this.#lines[this.#next++];
  }

  #receive(): void {
    const got = this.#process.guard('qtest', () => tryRead(this.#fd, this.#bytes));
    if (got === 0) {
      this.#process.waitFor(this.#fd);
      return;
    }
    const text = this.#rest + Buffer.from(this.#bytes.buffer, 0, got).toString('latin1');
    this.#lines = text.split('\n');
    this.#rest = this.#lines.pop()!;
    this.#next = 0;
  }
}

const WIDTH = { 1: 'b', 2: 'w', 4: 'l' } as const;
