import type { HistoryEvent } from '../conformance/history/events.ts';

/** Slots of the coverage map; a power of two. */
const SIZE = 1 << 16;

const KINDS: Record<HistoryEvent['k'], number> = {
  step: 0,
  op: 1,
  throw: 2,
  contract: 3,
  area: 4,
  memory: 5,
  map: 6,
  add: 7,
  publish: 8,
  store: 9,
  load: 10,
  fault: 11,
  irq: 12,
  'config-irq': 13,
  used: 14,
  pump: 15,
  breach: 16,
  backend: 17,
  notify: 18,
  'kick-not-needed': 19,
  expose: 20,
  'reset-done': 21,
  obs: 22,
  stop: 23,
  'by-hand': 24,
  compared: 25,
  access: 26,
  'dirty-log': 27,
  migrate: 28,
};

const small = (n: number): number => (n < 4 ? n : n < 16 ? 4 : n < 256 ? 5 : 6);

const hashes = new Map<string, number>();
function hashOf(text: string): number {
  let hash = hashes.get(text);
  if (hash === undefined) {
    hash = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hashes.set(text, hash);
  }
  return hash;
}

/** What tells events of one kind apart, coarsely. */
function detail(event: HistoryEvent): number {
  switch (event.k) {
    case 'op':
      return hashOf(event.op) ^ (typeof event.r === 'number' && event.r < 0 ? -event.r : 0);
    case 'add':
      return (
        small(event.r.length) |
        (small(event.w.length) << 3) |
        (event.table ? 64 : 0) |
        (small(event.slots) << 7)
      );
    case 'publish':
      return small(event.b.length);
    case 'used':
      return (
        (event.b < 0 ? 1 : 0) | (event.len === undefined ? 2 : event.len === 0 ? 4 : 0) | (event.wf ? 8 : 0)
      );
    case 'store':
      return small(event.n);
    case 'fault':
      return hashOf(event.why) ^ (event.access === 'read' ? 1 : 2);
    case 'notify':
      return hashOf(event.mode);
    case 'config-irq':
      return event.status;
    case 'pump':
      return small(event.n);
    case 'area':
      return small(event.num) | (event.packed ? 8 : 0) | (event.num & 1 ? 16 : 0) | (event.start ? 32 : 0);
    default:
      return 0;
  }
}

/**
 * Coverage of model states × events: which kinds of events were seen in which state of the session (status,
 * queues in use, ring format, outstanding work, breach), each together with the event before it.
 */
export class Coverage {
  readonly #map = new Uint8Array(SIZE);
  #seen = 0;

  /** Distinct state × event pairs so far. */
  get size(): number {
    return this.#seen;
  }

  /** Add what a history shows. Returns how much of it is new. */
  add(events: readonly HistoryEvent[]): number {
    let fresh = 0;
    let state = 0;
    let outstanding = 0;
    let previous = 0;
    for (const event of events) {
      if (event.k === 'op') {
        if (event.op === 'setStatus') state = (state & ~0xff) | ((event.a[0] as number) & 0xff);
        else if (event.op === 'setVqReady') state ^= 0x100 << ((event.a[0] as number) & 3);
        else if (event.op === 'suspend') state |= 0x1000;
        else if (event.op === 'resume') state &= ~0x1000;
      } else if (event.k === 'reset-done') {
        state = 0;
        outstanding = 0;
      } else if (event.k === 'breach') state |= 0x2000;
      else if (event.k === 'area' && event.packed) state |= 0x4000;
      else if (event.k === 'publish') outstanding += event.b.length;
      else if (event.k === 'used') outstanding--;
      const now = Math.imul(KINDS[event.k] + 1, 0x9e3779b1) ^ Math.imul(detail(event) + 1, 0x85ebca6b);
      const mixed =
        now ^ Math.imul(state + (small(Math.max(0, outstanding)) << 16), 0xc2b2ae35) ^ (previous >>> 3);
      const slot = ((mixed ^ (mixed >>> 15)) >>> 0) & (SIZE - 1);
      if (this.#map[slot] === 0) {
        this.#map[slot] = 1;
        fresh++;
      }
      previous = now;
    }
    this.#seen += fresh;
    return fresh;
  }
}
