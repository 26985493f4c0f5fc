import type { Element } from '../../framework/virtqueue/driver/ring.ts';
import type { NamedRegion } from './memory.ts';
import type { Session } from './session.ts';

/** One part of a buffer: bytes for the device to read, or room for it to write. */
export type Part = { read: Uint8Array } | { write: number };

/** A buffer of this session, from `add` to the end. */
export interface Buffer {
  /** Serial number in the history. */
  readonly b: number;
  readonly q: number;
  readonly name: string;
  /** One region per part, in order. */
  readonly regions: readonly NamedRegion[];
  readonly parts: readonly Part[];
  /** The same for the driver's side of the ring. */
  readonly elements: readonly Element[];
  /** Elements as exposed: [iova, pa, length]. */
  readonly readable: readonly [number, number, number][];
  readonly writable: readonly [number, number, number][];
  id: number;
  published: boolean;
  /** Set once the driver consumed it. */
  used?: { len: number | undefined; id: number; writeFlag?: boolean };
}

/** All buffers of a session: memory for their parts, names, and what came back. */
export class SessionBuffers {
  readonly #session: Session;
  #all: Buffer[] = [];
  readonly #byName = new Map<string, Buffer>();
  readonly #bySerial = new Map<number, Buffer>();
  #serial = 0;
  #unknown = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Lay `parts` out in memory: readable parts are filled, writable ones poisoned. */
  create(q: number, name: string, parts: readonly Part[], regions?: readonly NamedRegion[]): Buffer {
    const { memory, poison } = this.#session;
    const b = this.#serial++;
    const label = name === '' ? `b${b}` : name;
    const { bytes } = memory.host;
    const placed = new Array<NamedRegion>(parts.length);
    const elements = new Array<Element>(parts.length);
    const readable: [number, number, number][] = [];
    const writable: [number, number, number][] = [];
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      const write = 'write' in part;
      const size = write ? part.write : part.read.length;
      const { name: own, pa, iova } = regions?.[i] ?? memory.alloc(`${label}.${i}`, size, 1);
      if (write) bytes.fill(poison, pa, pa + size);
      else bytes.set(part.read, pa);
      placed[i] = { name: own, pa, iova, size };
      elements[i] = { iova, len: size, write };
      (write ? writable : readable).push([iova, pa, size]);
    }
    const buffer: Buffer = {
      b,
      q,
      name: label,
      regions: placed,
      elements,
      parts,
      readable,
      writable,
      id: -1,
      published: false,
    };
    this.#all.push(buffer);
    this.#bySerial.set(b, buffer);
    this.#byName.set(label, buffer);
    return buffer;
  }

  /** Every buffer since the last reset. */
  get all(): readonly Buffer[] {
    return this.#all;
  }

  /** The latest buffer called `name`. */
  named(name: string): Buffer | undefined {
    return this.#byName.get(name);
  }

  bySerial(b: number): Buffer | undefined {
    return this.#bySerial.get(b);
  }

  /** All bytes of the writable parts, in order. */
  written(buffer: Buffer): Uint8Array {
    const { bytes: host } = this.#session.memory.host;
    const { writable } = buffer;
    if (writable.length === 1) return host.slice(writable[0][1], writable[0][1] + writable[0][2]);
    const bytes = new Uint8Array(this.room(buffer));
    let at = 0;
    for (const [, pa, n] of writable) {
      bytes.set(host.subarray(pa, pa + n), at);
      at += n;
    }
    return bytes;
  }

  /** Bytes that the device may write. */
  room({ writable }: Buffer): number {
    let total = 0;
    for (let i = 0; i < writable.length; i++) total += writable[i][2];
    return total;
  }

  /** The last device-writable byte as it stands: the status of block requests. */
  lastByte(buffer: Buffer): number {
    const [, pa, n] = buffer.writable[buffer.writable.length - 1];
    return this.#session.memory.host.bytes[pa + n - 1];
  }

  /** Where the writable bytes from `at` on first differ from `want`; −1 when they do not. */
  differsAt(buffer: Buffer, at: number, want: Uint8Array): number {
    const { bytes } = this.#session.memory.host;
    let skip = at;
    let done = 0;
    for (const [, pa, n] of buffer.writable) {
      for (let i = skip; i < n && done < want.length; i++, done++)
        if (bytes[pa + i] !== want[done]) return done;
      skip = Math.max(0, skip - n);
    }
    return done < want.length ? done : -1;
  }

  /** The used entry named a buffer that is not outstanding. */
  noteUnknown(): void {
    this.#unknown++;
  }
  get unknown(): number {
    return this.#unknown;
  }

  /** After a reset: nothing is outstanding any more. Names stay resolvable. */
  forget(): void {
    this.#all = [];
    this.#bySerial.clear();
  }
}
