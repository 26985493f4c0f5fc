import { Session } from 'node:inspector';

/** Scripts that count: the suite's own build and users' parents. */
const COUNTS = /\/(dist|parents)\/[^/]+\.m?js$/;

interface Range {
  startOffset: number;
  endOffset: number;
  count: number;
}

/**
 * V8's precise coverage of in-process parents, asked per batch of sequences: a second signal beside the states of
 * the model. Costs speed, since V8 has to count blocks while it is on.
 */
export class CodeCoverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Stretches of code that ran for the first time since the last call. */
  fresh(): number {
    let fresh = 0;
    this.#session.post('Profiler.takePreciseCoverage', (_error, answer) => {
      for (const { url, scriptId, functions } of answer?.result ?? []) {
        if (!COUNTS.test(url)) continue;
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges as Range[]) {
            if (count === 0) continue;
            const key = `${scriptId}:${startOffset}:${endOffset}`;
            if (this.#seen.has(key)) continue;
            this.#seen.add(key);
            fresh++;
          }
        }
      }
    });
    return fresh;
  }

  /** Stretches of code that ran so far. */
  get size(): number {
    return this.#seen.size;
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }
}
