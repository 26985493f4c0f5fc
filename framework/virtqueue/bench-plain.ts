/**
 * The yardstick of the ring benchmark: the protocol work of driver and device on one virtqueue, written as
 * plainly and as fast as typed arrays allow. No interface, no translation, no validation: both sides trust
 * each other, offsets are fixed when the loop is made, every field is stored once and loaded once. All state
 * lies in one buffer behind two views, which V8 makes twice as fast as a typed array for each purpose.
 *
 * It leaves the very bytes in the queue that the rings of this folder leave for the same buffers; a test
 * holds it to that.
 */

/** What a plain loop works on. Offsets are in bytes. */
export interface PlainQueue {
  buffer: ArrayBuffer;
  /** A power of two. */
  num: number;
  desc: number;
  driver: number;
  device: number;
  /** {@link plainSpace} bytes for what both sides remember. */
  space: number;
  /** Slots (split) or Buffer IDs (packed) in the order in which the driver hands them out first. */
  free: readonly number[];
  /** The buffers of a batch: what the driver is asked to send, over and over. */
  count: number;
  /** Elements of each buffer. */
  elements: number;
  /** By element of the batch. */
  iovas: readonly number[];
  lens: readonly number[];
  writes: readonly boolean[];
}

/** Moves `batches` batches through the queue and back; returns a sum over what both sides saw. */
export type RingLoop = (batches: number) => number;

/** Bytes of memory that a plain loop needs beside its queue. */
export const plainSpace = (num: number, count: number, elements: number): number =>
  4 * (3 * num + 4 * count * elements);

/** Where both sides keep what they remember, as word indices; the driver's input is written there. */
function layOut({ buffer, space, num, free, count, elements, iovas, lens, writes }: PlainQueue) {
  const m32 = new Uint32Array(buffer);
  const total = count * elements;
  const FREE = space >> 2;
  const TOKEN = FREE + num;
  const LENGTH = TOKEN + num;
  const LOW = LENGTH + num;
  const HIGHS = LOW + total;
  const LEN = HIGHS + total;
  const WRITES = LEN + total;
  m32.set(free, FREE);
  for (let i = 0; i < total; i++) {
    m32[LOW + i] = iovas[i] % 2 ** 32;
    m32[HIGHS + i] = iovas[i] / 2 ** 32;
    m32[LEN + i] = lens[i];
    m32[WRITES + i] = writes[i] ? 2 : 0;
  }
  return { FREE, TOKEN, LENGTH, LOW, HIGHS, LEN, WRITES };
}

/**
 * A copy of `make`, which must refer to nothing outside: V8 turns what a function closes over into constants as
 * long as code exists once, and knows one class at each call, which is what code written for one queue would get.
 */
export function compileAlone<Make extends (...from: never[]) => RingLoop>(make: Make): Make {
  return new Function(`return ${make}`)() as Make;
}

/** The plain loop for one queue, compiled for it alone. */
export function plainLoop(format: 'split' | 'packed', queue: PlainQueue): RingLoop {
  return compileAlone(format === 'split' ? splitLoop : packedLoop)(queue, layOut(queue));
}

/** Driver and device on a split virtqueue (section 2.6). Refers to nothing outside. */
function splitLoop(queue: PlainQueue, places: ReturnType<typeof layOut>): RingLoop {
  const NEXT = 1;
  const WRITE = 2;
  const HIGH = 0x1_0000_0000;
  const { num, count, elements } = queue;
  const m16 = new Uint16Array(queue.buffer);
  const m32 = new Uint32Array(queue.buffer);
  const mask = num - 1;
  const DESC = queue.desc >> 2;
  const AVAIL = queue.driver >> 1;
  const USED = queue.device >> 1;
  const ENTRIES = (queue.device + 4) >> 2;
  const { FREE, TOKEN, LENGTH, LOW, HIGHS, LEN, WRITES } = places;
  const kept = new Uint16Array(6);
  return (batches) => {
    let sum = 0;
    let [freeFirst, freeEnd, availIdx, takenIdx, usedIdx, seenIdx] = kept;
    for (let round = 0; round < batches; round++) {
      // Driver: descriptors and available ring, then the index.
      for (let i = 0, at = 0; i < count; i++) {
        const head = m32[FREE + (freeFirst++ & mask)];
        let slot = DESC + (head << 2);
        m32[slot] = m32[LOW + at];
        m32[slot + 1] = m32[HIGHS + at];
        m32[slot + 2] = m32[LEN + at];
        let flags = m32[WRITES + at++];
        for (let left = elements; left > 1; left--) {
          const next = m32[FREE + (freeFirst++ & mask)];
          m32[slot + 3] = flags | NEXT | (next << 16);
          slot = DESC + (next << 2);
          m32[slot] = m32[LOW + at];
          m32[slot + 1] = m32[HIGHS + at];
          m32[slot + 2] = m32[LEN + at];
          flags = m32[WRITES + at++];
        }
        m32[slot + 3] = flags;
        m32[TOKEN + head] = i;
        m32[LENGTH + head] = elements;
        m16[AVAIL + 2 + (availIdx++ & mask)] = head;
      }
      m16[AVAIL + 1] = availIdx;
      sum += (m16[USED] & 1) ^ 1; // a kick is wanted

      // Device: take and use each, then the index.
      for (const end = m16[AVAIL + 1]; takenIdx !== end; takenIdx = (takenIdx + 1) & 0xffff) {
        const head = m16[AVAIL + 2 + (takenIdx & mask)];
        let slot = DESC + (head << 2);
        let word = m32[slot + 3];
        let bytes = m32[slot + 2];
        sum += m32[slot + 1] * HIGH + m32[slot] + bytes;
        let written = (word & WRITE) !== 0 ? bytes : 0;
        while ((word & NEXT) !== 0) {
          slot = DESC + ((word >>> 16) << 2);
          word = m32[slot + 3];
          bytes = m32[slot + 2];
          sum += m32[slot + 1] * HIGH + m32[slot] + bytes;
          if ((word & WRITE) !== 0) written += bytes;
        }
        const at = ENTRIES + ((usedIdx++ & mask) << 1);
        m32[at] = head;
        m32[at + 1] = written;
      }
      m16[USED + 1] = usedIdx;
      sum += (m16[AVAIL] & 1) ^ 1; // a notification is wanted

      // Driver: take back.
      for (const end = m16[USED + 1]; seenIdx !== end; seenIdx = (seenIdx + 1) & 0xffff) {
        const at = ENTRIES + ((seenIdx & mask) << 1);
        const head = m32[at];
        sum += m32[at + 1] + m32[TOKEN + head];
        m32[FREE + (freeEnd++ & mask)] = head;
        for (let left = m32[LENGTH + head], slot = head; left > 1; left--) {
          slot = m32[DESC + (slot << 2) + 3] >>> 16;
          m32[FREE + (freeEnd++ & mask)] = slot;
        }
      }
      freeFirst &= 0xffff;
      freeEnd &= 0xffff;
      availIdx &= 0xffff;
      usedIdx &= 0xffff;
    }
    kept.set([freeFirst, freeEnd, availIdx, takenIdx, usedIdx, seenIdx]);
    return sum;
  };
}

/** Driver and device on a packed virtqueue (section 2.7). Refers to nothing outside. */
function packedLoop(queue: PlainQueue, places: ReturnType<typeof layOut>): RingLoop {
  const NEXT = 1;
  const WRITE = 2;
  const AVAIL = 0x80;
  const BOTH = 0x8080;
  const HIGH = 0x1_0000_0000;
  const { num, count, elements } = queue;
  const m16 = new Uint16Array(queue.buffer);
  const m32 = new Uint32Array(queue.buffer);
  const mask = num - 1;
  const DESC = queue.desc >> 2;
  const DRIVER_FLAGS = (queue.driver >> 1) + 1;
  const DEVICE_FLAGS = (queue.device >> 1) + 1;
  const { FREE, TOKEN, LENGTH, LOW, HIGHS, LEN, WRITES } = places;
  /** Slots and counters of both sides, and ids taken and given back. */
  const kept = Uint16Array.of(0, AVAIL, 0, AVAIL, 0, BOTH, 0, BOTH, 0, 0);
  return (batches) => {
    let sum = 0;
    let [nextSlot, nextMark, takenSlot, takenMark, usedSlot, usedMark, seenSlot, seenMark, idFirst, idEnd] =
      kept;
    for (let round = 0; round < batches; round++) {
      // Driver: descriptors, the flags of a list's first one last.
      for (let i = 0, at = 0; i < count; i++) {
        const id = m32[FREE + (idFirst++ & mask)];
        const head = DESC + (nextSlot << 2);
        let flags = m32[WRITES + at] | nextMark;
        if (elements > 1) flags |= NEXT;
        m32[head] = m32[LOW + at];
        m32[head + 1] = m32[HIGHS + at];
        m32[head + 2] = m32[LEN + at++];
        if (++nextSlot === num) {
          nextSlot = 0;
          nextMark ^= BOTH;
        }
        for (let left = elements; left > 1; left--) {
          const slot = DESC + (nextSlot << 2);
          let more = m32[WRITES + at] | nextMark;
          if (left > 2) more |= NEXT;
          m32[slot] = m32[LOW + at];
          m32[slot + 1] = m32[HIGHS + at];
          m32[slot + 2] = m32[LEN + at++];
          m32[slot + 3] = (more << 16) | id;
          if (++nextSlot === num) {
            nextSlot = 0;
            nextMark ^= BOTH;
          }
        }
        m32[TOKEN + id] = i;
        m32[LENGTH + id] = elements;
        m32[head + 3] = (flags << 16) | id;
      }
      sum += (m16[DEVICE_FLAGS] & 1) ^ 1; // a kick is wanted

      // Device: take and use each.
      for (;;) {
        let slot = DESC + (takenSlot << 2);
        let word = m32[slot + 3];
        if (((word >>> 16) & BOTH) !== takenMark) break;
        let bytes = m32[slot + 2];
        sum += m32[slot + 1] * HIGH + m32[slot] + bytes;
        let written = (word & (WRITE << 16)) !== 0 ? bytes : 0;
        let slots = 1;
        if (++takenSlot === num) {
          takenSlot = 0;
          takenMark ^= BOTH;
        }
        for (; (word & (NEXT << 16)) !== 0; slots++) {
          slot = DESC + (takenSlot << 2);
          word = m32[slot + 3];
          bytes = m32[slot + 2];
          sum += m32[slot + 1] * HIGH + m32[slot] + bytes;
          if ((word & (WRITE << 16)) !== 0) written += bytes;
          if (++takenSlot === num) {
            takenSlot = 0;
            takenMark ^= BOTH;
          }
        }
        const at = DESC + (usedSlot << 2);
        m32[at + 2] = written;
        m32[at + 3] = ((usedMark | (written > 0 ? WRITE : 0)) << 16) | (word & 0xffff);
        usedSlot += slots;
        if (usedSlot >= num) {
          usedSlot -= num;
          usedMark ^= BOTH;
        }
      }
      sum += (m16[DRIVER_FLAGS] & 1) ^ 1; // a notification is wanted

      // Driver: take back.
      for (;;) {
        const slot = DESC + (seenSlot << 2);
        const word = m32[slot + 3];
        if (((word >>> 16) & BOTH) !== seenMark) break;
        const id = word & 0xffff;
        sum += m32[slot + 2] + m32[TOKEN + id];
        m32[FREE + (idEnd++ & mask)] = id;
        seenSlot += m32[LENGTH + id];
        if (seenSlot >= num) {
          seenSlot -= num;
          seenMark ^= BOTH;
        }
      }
      idFirst &= 0xffff;
      idEnd &= 0xffff;
    }
    kept.set([
      nextSlot,
      nextMark,
      takenSlot,
      takenMark,
      usedSlot,
      usedMark,
      seenSlot,
      seenMark,
      idFirst,
      idEnd,
    ]);
    return sum;
  };
}
