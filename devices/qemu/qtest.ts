import { writeAll } from '../../framework/native/fd.ts';
import type { QemuProcess } from './process.ts';

/** Posted commands after which the answers are read, so that neither side's socket buffer fills up. */
const MOST_POSTED = 240;
/** Looks at the bell before the answers are waited for in the socket: at most, and after many in vain. */
const MOST_LOOKS = 1 << 17;
const FEWEST_LOOKS = 1 << 10;
const MILLISECONDS = 10_000;

/** An answer that is not `OK`. */
export class QtestError extends Error {
  readonly code = 'QTEST';
}

/** A cell of guest RAM that both sides see: QEMU stores there how far it has come. */
export interface Bell {
  readonly cells: Uint32Array;
  readonly index: number;
  /** Guest physical address. */
  readonly gpa: number;
}

/** What to do with an answer: the text behind `OK`. */
type Take = (answer: string) => void;

/** Commands that were sent together: what the bell shows after them, and the answers that are due. */
interface Batch {
  readonly rung: number;
  readonly due: readonly (Take | null)[];
}

/** Bytes that QEMU takes from the socket before its main loop turns. */
const MOUTHFUL = 1024;
/** A command that fills so many turns: what it says is short, and has zeros in front. */
const TURNS_SOON = 2;
const YIELD = `inb 0x${'0'.repeat(TURNS_SOON * MOUTHFUL)}80`;

/**
 * The driver's side of QEMU's qtest protocol: one command a line, one answer a line, in order; lines that start
 * with `IRQ` come in between and tell levels of intercepted interrupt lines. Commands may be sent before the
 * answers of earlier ones are read; whatever is not needed at once is posted and travels with the next question,
 * since a round trip costs as much as ten commands. Behind each batch comes a store to the bell, which the suite
 * watches: a reader that waits at the socket would be woken, and stand in QEMU's way, once for each answer.
 */
export class Qtest {
  /** Levels of the intercepted interrupt lines, by number; true: raised. */
  readonly levels = new Map<number, boolean>();
  /** Times that any of them was raised so far. */
  raised = 0;
  readonly #fd: number;
  readonly #process: QemuProcess;
  readonly #bell: Bell;
  readonly #ring: string;
  /** What the bell shows after the latest batch. */
  #rung = 0;
  #looks = MOST_LOOKS;
  readonly #bytes = Buffer.alloc(64 << 10);
  /** Commands so far that may have given the device something to do. */
  carriedOut = 0;
  /** Changes with everything that is sent or asked, so that what was learnt before can be told from news. */
  serial = 0;
  #unsent = '';
  /** Answers that are due to what is not sent yet, in order; null: only `OK`. */
  #due: (Take | null)[] = [];
  /** Batches that were sent and not waited for, oldest first. */
  #sent: Batch[] = [];
  #text = '';
  #at = 0;

  constructor(fd: number, process: QemuProcess, bell: Bell) {
    this.#fd = fd;
    this.#process = process;
    this.#bell = bell;
    this.#ring = `writel 0x${bell.gpa.toString(16)} 0x`;
    Atomics.store(bell.cells, bell.index, 0);
  }

  /** Send a command some time before the next answer is read; `take` gets its answer then. */
  post(command: string, take: Take | null = null): void {
    this.serial++;
    this.#unsent += `${command}\n`;
    this.#due.push(take);
    if (this.#due.length >= MOST_POSTED) this.sync();
  }

  /** Send a command and return what follows `OK` in its answer. */
  ask(command: string): string {
    let answer = '';
    this.post(command, (text) => {
      answer = text;
    });
    this.sync();
    return answer;
  }

  /** Send several commands at once and return their answers in order. */
  askAll(commands: readonly string[]): string[] {
    const answers: string[] = [];
    const take = (text: string) => {
      answers.push(text);
    };
    for (const command of commands) this.post(command, take);
    this.sync();
    return answers;
  }

  /** Everything posted has been carried out when this returns. */
  sync(): void {
    if (this.#due.length > 0) this.#send();
    while (this.#sent.length > 0) this.#collect();
  }

  /** Send what was posted. The function returned waits until it has been carried out; later batches may run by then. */
  dispatch(): () => void {
    if (this.#due.length > 0) this.#send();
    const last = this.#sent.at(-1);
    return () => {
      while (last !== undefined && this.#sent.includes(last)) this.#collect();
    };
  }

  #send(): void {
    this.#rung = (this.#rung + 1) >>> 0;
    const text = `${this.#unsent}${this.#ring}${this.#rung.toString(16)}\n`;
    this.#sent.push({ rung: this.#rung, due: this.#due });
    this.serial++;
    this.#unsent = '';
    this.#due = [];
    this.#process.guard('qtest', () => writeAll(this.#fd, Buffer.from(text, 'latin1'), MILLISECONDS));
  }

  /** Wait for the oldest batch and take its answers. */
  #collect(): void {
    const { rung, due } = this.#sent.shift()!;
    this.#listen(rung);
    for (const take of due) this.#answer(take);
    this.#answer(null);
  }

  /** Watch the bell for a while; a machine that is busy elsewhere is left to the system's own waiting. */
  #listen(rung: number): void {
    const { cells, index } = this.#bell;
    for (let look = 0; look < this.#looks; look++)
      if (((Atomics.load(cells, index) - rung) | 0) >= 0) {
        this.#looks = Math.min(2 * this.#looks, MOST_LOOKS);
        return;
      }
    this.#looks = Math.max(this.#looks >> 1, FEWEST_LOOKS);
  }

  /** Let QEMU's main loop turn between what was posted so far and what will be. */
  yieldSoon(): void {
    this.post(YIELD);
  }

  /** One turn of QEMU's main loop at least: what it had put off until then is done. */
  turn(): void {
    this.ask('inb 0x80');
  }

  read(size: 1 | 2 | 4, address: number): number {
    return Number(this.ask(`read${WIDTH[size]} 0x${address.toString(16)}`));
  }
  /** The same some time before the next answer. */
  readSoon(size: 1 | 2 | 4, address: number, take: (value: number) => void): void {
    this.post(`read${WIDTH[size]} 0x${address.toString(16)}`, (answer) => take(Number(answer)));
  }
  readMany(places: readonly (readonly [1 | 2 | 4, number])[]): number[] {
    const commands = places.map(([size, address]) => `read${WIDTH[size]} 0x${address.toString(16)}`);
    return this.askAll(commands).map(Number);
  }
  write(size: 1 | 2 | 4, address: number, value: number): void {
    this.carriedOut++;
    this.post(`write${WIDTH[size]} 0x${address.toString(16)} 0x${(value >>> 0).toString(16)}`);
  }
  /** Words to places in a row; QEMU takes the bytes apart into accesses of 4. */
  writeWords(address: number, words: readonly number[]): void {
    this.carriedOut++;
    const bytes = Buffer.alloc(4 * words.length);
    for (const [i, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, 4 * i);
    this.post(`write 0x${address.toString(16)} ${bytes.length} 0x${bytes.toString('hex')}`);
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

  #answer(take: Take | null): void {
    for (;;) {
      const line = this.#line();
      if (line.startsWith('OK')) {
        take?.(line.slice(3));
        return;
      }
      if (!line.startsWith('IRQ ')) throw new QtestError(`QEMU answers a command with ${line}`);
      this.#irq(line);
    }
  }

  #irq(line: string): void {
    const [, change, number] = line.split(' ');
    if (change === 'raise') this.raised++;
    this.levels.set(Number(number), change === 'raise');
  }

  #line(): string {
    for (;;) {
      const end = this.#text.indexOf('\n', this.#at);
      if (end >= 0) {
        const line = this.#text.slice(this.#at, end);
        this.#at = end + 1;
        return line;
      }
      const got = this.#process.read('qtest', this.#fd, this.#bytes);
      this.#text = this.#text.slice(this.#at) + this.#bytes.toString('latin1', 0, got);
      this.#at = 0;
    }
  }
}

const WIDTH = { 1: 'b', 2: 'w', 4: 'l' } as const;
