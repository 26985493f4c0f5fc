import type { DeviceType } from '../../specs/virtio-1.1/device-ids.ts';
import type { Buffer } from '../session/buffers.ts';
import type { Session } from '../session/session.ts';

/** A valid request of a device type, not yet laid out in descriptors. */
export interface RequestPlan {
  readonly queue: number;
  /** Device-readable bytes. */
  readonly readable: Uint8Array;
  /** Device-writable bytes. */
  readonly writable: number;
  /** Used length of a right completion: exact upper bound and smallest value that is not an underestimate. */
  readonly usedLen: number;
  /** A right device may also write less: any used length from 1 up to `usedLen` is exact. */
  readonly shorter?: boolean;
  /** Whatever must happen outside the ring for the request to complete (net receive: the peer sends). */
  stimulate?(session: Session): void;
  /** Requirement that a wrong outcome breaks. */
  readonly about?: string;
  /** Compare the outcome with what a right device does. Returns null, or what is wrong. */
  check(session: Session, buffer: Buffer): string | null;
}

export type Direction = 'out' | 'in';

/** What a device type's requests look like; lets ring cases run on every device type. */
export interface DeviceKit {
  readonly deviceType: DeviceType;
  /** Queue of requests in this direction. */
  queue(session: Session, direction: Direction): number;
  /**
   * A request that moves about `size` payload bytes; the same `seed` gives the same bytes.
   * `out`: data towards the device; `in`: data from it.
   */
  plan(session: Session, direction: Direction, size: number, seed: number): RequestPlan;
  /** Sensible payload sizes: smallest and default, in bytes. */
  readonly sizes: { readonly min: number; readonly typical: number };
  /** Whether the session can do requests in this direction (peer, read-only …), else the reason. */
  lacks(session: Session, direction: Direction): string | null;
}

/** Places at which patterns begin: a power of two. */
const STARTS = 0x10000;
/** Longest pattern that is cut out of {@link RANDOM}. */
const LONGEST = 0x10000;

const RANDOM = makePattern(0, STARTS + LONGEST);

/** `size` bytes that depend on `seed` and differ between neighbouring positions and seeds. Shared: not to be changed. */
export function pattern(seed: number, size: number): Uint8Array {
  if (size > LONGEST) return makePattern(seed, size);
  const start = (Math.imul(seed, 0x9e3779b1) >>> 8) & (STARTS - 1);
  return RANDOM.subarray(start, start + size);
}

function makePattern(seed: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let x = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0;
  for (let i = 0; i < size; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

/** Where two byte strings differ first, in words; null when they are equal. */
export function difference(what: string, want: Uint8Array, got: Uint8Array): string | null {
  if (want.length !== got.length) return `${what}: ${want.length} bytes expected, ${got.length} seen`;
  for (let i = 0; i < want.length; i++) {
    if (want[i] !== got[i]) {
      const show = (bytes: Uint8Array) => hexBytes(bytes.subarray(i, i + 8));
      return `${what} differs from byte ${i} on: expected ${show(want)}, got ${show(got)}`;
    }
  }
  return null;
}

const hexBytes = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(' ');
