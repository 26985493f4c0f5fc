import type { Verdict } from '../judge.ts';

/** Redraws at most this often, in milliseconds. */
const REDRAW_MS = 100;

/** One line on standard error that tells how far a run has come; silent unless it is a terminal. */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #on: boolean;
  #planned = 0;
  #done = 0;
  #bad = 0;
  #drawn = 0;

  constructor(stream: NodeJS.WriteStream, silent = false) {
    this.#stream = stream;
    this.#on = !silent && stream.isTTY === true;
  }

  plan(instances: number): void {
    this.#planned += instances;
  }

  result(verdict: Verdict): void {
    this.#done++;
    if (!['pass', 'skip', 'xfail', 'warn'].includes(verdict)) this.#bad++;
    const now = performance.now();
    if (!this.#on || now - this.#drawn < REDRAW_MS) return;
    this.#drawn = now;
    const findings = this.#bad === 0 ? 'no findings' : `${this.#bad} finding${this.#bad === 1 ? '' : 's'}`;
    this.#stream.write(`\r\x1b[K${this.#done}/${this.#planned} · ${findings}`);
  }

  end(): void {
    if (this.#on && this.#drawn > 0) this.#stream.write('\r\x1b[K');
  }
}
