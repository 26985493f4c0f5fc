import type { Sequence } from './sequence.ts';

/** Bytes that are enough for any sequence: steps are few, their arguments short. */
export const LAST_SIZE = 256 << 10;

/** The sequence that a worker runs at the moment, where the main thread can read it after the worker is lost. */
export class LastSequence {
  readonly #length: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #view: Buffer;

  /** `shared` has {@link LAST_SIZE} bytes: a length, then JSON. */
  constructor(shared: SharedArrayBuffer) {
    this.#length = new Int32Array(shared, 0, 1);
    this.#bytes = new Uint8Array(shared, 4);
    this.#view = Buffer.from(shared, 4);
  }

  write(sequence: Sequence): void {
    const text = JSON.stringify(sequence);
    Atomics.store(this.#length, 0, 0);
    if (text.length > this.#bytes.length) return;
    Atomics.store(this.#length, 0, this.#view.write(text));
  }

  /** The latest sequence; null when there was none, or none that fits. */
  read(): Sequence | null {
    const length = Atomics.load(this.#length, 0);
    return length === 0 ? null : (JSON.parse(this.#view.toString('utf8', 0, length)) as Sequence);
  }
}
