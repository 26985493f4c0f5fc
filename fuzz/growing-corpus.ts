import { CorpusFolder } from './corpus.ts';
import type { Sequence } from './sequence.ts';

/** The corpus of a campaign: loaded once, saved as it grows. One that cannot be written is given up with a warning. */
export class GrowingCorpus {
  /** What there was beforehand. */
  readonly loaded: Sequence[];
  readonly #warn: (problem: string) => void;
  #folder: CorpusFolder | null;

  /** @param folder undefined: nothing is loaded and nothing is kept */
  constructor(folder: string | undefined, warn: (problem: string) => void) {
    this.#folder = folder === undefined ? null : new CorpusFolder(folder);
    this.#warn = warn;
    this.loaded = this.#folder?.load(warn) ?? [];
  }

  /** Put `fresh` on disk. */
  add(fresh: readonly Sequence[]): void {
    try {
      this.#folder?.save(fresh);
    } catch (error) {
      this.#folder = null;
      const { message } = error as Error;
      this.#warn(`the corpus cannot be written: ${message}; the campaign goes on without saving it`);
    }
  }
}
