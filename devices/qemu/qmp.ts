import { writeAll } from '../../framework/native/fd.ts';
import type { QemuProcess } from './process.ts';

type Json = Record<string, unknown>;

/** QEMU refused a command. */
export class QmpError extends Error {
  readonly code = 'QMP';
  /** `GenericError`, `CommandNotFound`, … */
  readonly reason: string;
  constructor(command: string, reason: string, text: string) {
    super(`QMP ${command}: ${text}`);
    this.reason = reason;
  }
}

/** The QEMU Machine Protocol: JSON commands and answers, one a line; events are dropped. */
export class Qmp {
  readonly #fd: number;
  readonly #process: QemuProcess;
  readonly #bytes = new Uint8Array(16 << 10);
  #rest = '';
  #greeted = false;

  constructor(fd: number, process: QemuProcess) {
    this.#fd = fd;
    this.#process = process;
  }

  /**
   * Carry out a command and return its answer.
   * @throws QmpError, DeviceFailure
   */
  run(command: string, args: Json = {}): unknown {
    return this.runAll(command, [args])[0];
  }

  /** The same with several arguments, sent together; an error is thrown after all were answered. */
  runAll(command: string, all: readonly Json[]): unknown[] {
    if (!this.#greeted) {
      this.#greeted = true;
      this.#line();
      this.run('qmp_capabilities');
    }
    const text = all.map((args) => `${JSON.stringify({ execute: command, arguments: args })}\n`).join('');
    this.#process.guard('QMP', () => writeAll(this.#fd, Buffer.from(text), 4000));
    const answers = all.map(() => this.#answer(command));
    const refused = answers.find((one) => one instanceof QmpError);
    if (refused) throw refused;
    return answers;
  }

  /** The next answer, or the error that it tells. */
  #answer(command: string): unknown {
    for (;;) {
      const answer = JSON.parse(this.#line()) as {
        return?: unknown;
        error?: { class: string; desc: string };
        event?: string;
      };
      if (answer.event !== undefined) continue;
      if (answer.error) return new QmpError(command, answer.error.class, answer.error.desc);
      return answer.return;
    }
  }

  #line(): string {
    for (;;) {
      const end = this.#rest.indexOf('\n');
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      const got = this.#process.read('QMP', this.#fd, this.#bytes);
      this.#rest += Buffer.from(this.#bytes.buffer, 0, got).toString();
    }
  }
}
