import type { HostMemory } from './host-memory.ts';
import type { SharedMemory } from './shared-memory.ts';

/** A stretch of memory, by offset: from `start` up to, not including, `end`. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

const CHUNK = 4096;

/**
 * Keeps the driver's image of memory and the memory that it shares with a concurrent device in step.
 *
 * The driver works on plain host memory only. What it stored is handed over by {@link give}, everything but
 * the words that expose it first; what the device stored is found by {@link look}, against what was seen
 * last, and taken over by {@link take}. So every store of the device is seen exactly once, whatever the
 * driver does meanwhile, and at a place that both have stored to, the driver's bytes win.
 */
export class MemoryExchange {
  readonly shared: SharedMemory;
  readonly #own: Buffer;
  /** What both sides last agreed on. */
  readonly #seen: Buffer;
  /** The shared memory as {@link look} found it. */
  readonly #now: Buffer;
  readonly #device: Buffer;
  readonly #ownWords: Uint32Array;
  readonly #seenWords: Uint32Array;
  readonly #nowWords: Uint32Array;
  readonly #deviceHalves: Uint16Array;
  readonly #fence = new Int32Array(new SharedArrayBuffer(4));
  readonly view: DataView;
  readonly seenView: DataView;

  /** @throws RangeError when the shared memory is smaller than the host memory, or lies at an odd place */
  constructor(host: HostMemory, shared: SharedMemory) {
    const { bytes } = shared;
    if (bytes.length < host.size || bytes.byteOffset % 8 !== 0)
      throw new RangeError(`shared memory of ${bytes.length} bytes, aligned to 8, must hold ${host.size}`);
    const buffer = (of: Uint8Array) => Buffer.from(of.buffer, of.byteOffset, host.size);
    const [seen, now] = [new Uint8Array(host.size), new Uint8Array(host.size)];
    this.shared = shared;
    this.#own = buffer(host.bytes);
    this.#seen = buffer(seen);
    this.#now = buffer(now);
    this.#device = buffer(bytes);
    this.#ownWords = host.words;
    this.#seenWords = new Uint32Array(seen.buffer, 0, host.size >> 2);
    this.#nowWords = new Uint32Array(now.buffer, 0, host.size >> 2);
    this.#deviceHalves = new Uint16Array(bytes.buffer, bytes.byteOffset, host.size >> 1);
    this.view = new DataView(now.buffer);
    this.seenView = new DataView(seen.buffer);
    this.clear(0, host.size);
  }

  /** Bytes from `start` to `end` are zero on all sides; no device uses the memory. */
  clear(start: number, end: number): void {
    this.#seen.fill(0, start, end);
    this.#device.fill(0, start, end);
  }

  /** Read a 16-bit word that exposes other stores of the device, before those are looked at. */
  early(at: number): number {
    return Atomics.load(this.#deviceHalves, at >> 1);
  }

  /**
   * Take a picture of `stretches`, after everything that was read by {@link early}. Returns whether the device
   * has stored anything new there. {@link view} then shows the picture.
   */
  look(stretches: readonly Stretch[]): boolean {
    Atomics.add(this.#fence, 0, 1);
    let news = false;
    for (const { start, end } of stretches) {
      this.#device.copy(this.#now, start, start, end);
      news ||= this.#now.compare(this.#seen, start, end, start, end) !== 0;
    }
    return news;
  }

  /** Put an early reading in the place of what the picture shows at `at`. */
  pin(at: number, value: number): void {
    this.view.setUint16(at, value, true);
  }

  /** Whether any byte from `start` to `end` of the picture is new. */
  changed(start: number, end: number): boolean {
    return this.#now.compare(this.#seen, start, end, start, end) !== 0;
  }

  /** Call `run` for every longest run of new bytes in `stretch`, in order of address. */
  changes(stretch: Stretch, run: (start: number, end: number) => void): void {
    runs(this.#now, this.#seen, this.#nowWords, this.#seenWords, stretch, run);
  }

  /** The bytes from `start` to `end` of the picture have been seen: the driver gets them as well. */
  take(start: number, end: number): void {
    if (this.#own.compare(this.#seen, start, end, start, end) === 0) {
      this.#now.copy(this.#own, start, start, end);
      this.#now.copy(this.#seen, start, start, end);
      return;
    }
    for (let at = start; at < end; at++) {
      if (this.#own[at] === this.#seen[at]) this.#own[at] = this.#now[at];
      this.#seen[at] = this.#now[at];
    }
  }

  /**
   * Hand over what the driver stored in `stretches`. The 16-bit words for which `late` says so, all of which lie in
   * `rings`, come after all else, in the order of `sorted`, each with a barrier before it.
   */
  give(
    stretches: readonly Stretch[],
    rings: readonly Stretch[],
    late: (at: number) => boolean,
    sorted: (words: number[]) => number[],
  ): void {
    const words: number[] = [];
    const hand = (start: number, end: number) => {
      this.#own.copy(this.#device, start, start, end);
      this.#own.copy(this.#seen, start, start, end);
    };
    for (const stretch of stretches) {
      if (this.#own.compare(this.#seen, stretch.start, stretch.end, stretch.start, stretch.end) === 0)
        continue;
      runs(this.#own, this.#seen, this.#ownWords, this.#seenWords, stretch, (start, end) => {
        let from = start;
        const inRing = rings.some((ring) => start < ring.end && end > ring.start);
        for (let at = inRing ? start & ~1 : end; at < end; at += 2) {
          if (!late(at)) continue;
          if (at > from) hand(from, at);
          words.push(at);
          from = at + 2;
        }
        if (end > from) hand(from, end);
      });
    }
    for (const at of sorted(words)) {
      Atomics.store(this.#deviceHalves, at >> 1, this.#own.readUInt16LE(at));
      this.#own.copy(this.#seen, at, at, at + 2);
    }
  }
}

/** Whether the bytes of two words differ, each of them; `bits` is where the words do. */
const allDiffer = (bits: number): boolean =>
  (bits & 0xff) !== 0 && (bits & 0xff00) !== 0 && (bits & 0xff0000) !== 0 && bits >>> 24 !== 0;

/** Runs of bytes in which `a` and `b` differ. */
function runs(
  a: Buffer,
  b: Buffer,
  aWords: Uint32Array,
  bWords: Uint32Array,
  { start, end }: Stretch,
  run: (start: number, end: number) => void,
): void {
  let from = -1;
  for (let chunk = start; chunk < end; chunk += CHUNK) {
    const stop = Math.min(chunk + CHUNK, end);
    if (a.compare(b, chunk, stop, chunk, stop) === 0) {
      if (from >= 0) run(from, chunk);
      from = -1;
      continue;
    }
    for (let at = chunk; at < stop; ) {
      if ((at & 3) === 0 && at + 4 <= stop && from < 0 && aWords[at >> 2] === bWords[at >> 2]) {
        at += 4;
        continue;
      }
      if (from >= 0 && (at & 3) === 0 && at + 4 <= stop && allDiffer(aWords[at >> 2] ^ bWords[at >> 2])) {
        at += 4;
        continue;
      }
      const differs = a[at] !== b[at];
      if (differs && from < 0) from = at;
      else if (!differs && from >= 0) {
        run(from, at);
        from = -1;
      }
      at++;
    }
  }
  if (from >= 0) run(from, end);
}
