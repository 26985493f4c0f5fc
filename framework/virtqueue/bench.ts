import { GuestMemory, type Region } from '../memory/guest-memory.ts';
import { DmaView, Iotlb } from '../memory/iotlb.ts';
import { compileAlone, type PlainQueue, plainLoop, plainSpace, type RingLoop } from './bench-plain.ts';
import { useRings } from './bench-rings.ts';
import { createDeviceRing } from './device/create.ts';
import { layoutQueue, type RingFormat } from './driver/areas.ts';
import { createDriverRing } from './driver/create.ts';
import { blankUsed } from './driver/elements.ts';
import type { Element } from './driver/ring.ts';

/** Queue size and buffers per batch of the measurement. */
export const BENCH_QUEUE = 256;
export const BENCH_BATCH = 32;

/** Batches that run between two looks at the clock. */
const SLICE = 64;

/** What one ring format costs, beside the plain loop that ran alternately with it. */
export interface RingRate {
  format: RingFormat;
  queueSize: number;
  batch: number;
  /** Elements of each buffer. */
  elements: number;
  /** Buffers that each of the two moved while measured. */
  buffers: number;
  /** Medians over slices: driver and device together, for one buffer there and back. */
  nsPerBuffer: number;
  plainNsPerBuffer: number;
  ratio: number;
}

/** A queue between driver and device with their rings, and one of the plain loop, with the same buffers. */
export interface RingPair {
  format: RingFormat;
  elements: number;
  rings: RingLoop;
  plain: RingLoop;
  /** The areas of both queues, in the same order. */
  ringAreas: Uint8Array[];
  plainAreas: Uint8Array[];
}

/** Make both loops, each in guest memory of its own. */
export function ringPair(format: RingFormat, elements: number): RingPair {
  const ours = new RingSetup(format, elements);
  const theirs = new RingSetup(format, elements);
  return {
    format,
    elements,
    rings: ours.rings(),
    plain: theirs.plain(),
    ringAreas: ours.areas(),
    plainAreas: theirs.areas(),
  };
}

/** A format, and the elements of each buffer. */
export type RingKind = readonly [RingFormat, 1 | 3];
export const RING_KINDS: readonly RingKind[] = [
  ['split', 1],
  ['packed', 1],
  ['split', 3],
  ['packed', 3],
];

/** What a worker that measures rings is told. */
export interface RingBenchTask {
  seconds: number;
  kinds: readonly RingKind[];
}

/**
 * Measure some kinds of rings (default: both formats with one and with three elements a buffer), `seconds` in
 * all. Everything is warm before the first measurement: of several kinds none profits from code that has seen
 * only itself.
 */
export function measureRings(seconds: number, kinds: readonly RingKind[] = RING_KINDS): RingRate[] {
  const pairs = kinds.map(([format, elements]) => ringPair(format, elements));
  const share = (seconds * 1000) / (pairs.length + 1);
  for (let round = 0; round < 4; round++) for (const pair of pairs) alternate(pair, share / 16);
  return pairs.map((pair) => {
    const { rings, plain } = alternate(pair, share);
    const perBuffer = 1e6 / (SLICE * BENCH_BATCH);
    const ns = median(rings) * perBuffer;
    const plainNs = median(plain) * perBuffer;
    return {
      format: pair.format,
      queueSize: BENCH_QUEUE,
      batch: BENCH_BATCH,
      elements: pair.elements,
      buffers: rings.length * SLICE * BENCH_BATCH,
      nsPerBuffer: round2(ns),
      plainNsPerBuffer: round2(plainNs),
      ratio: round2(ns / plainNs),
    };
  });
}

/** Run slices of both in turn for `milliseconds`; how long each one took, in milliseconds. */
function alternate({ rings, plain }: RingPair, milliseconds: number): { rings: number[]; plain: number[] } {
  const times = { rings: [] as number[], plain: [] as number[] };
  const end = performance.now() + milliseconds;
  do {
    const begun = performance.now();
    const sum = rings(SLICE);
    const between = performance.now();
    const expected = plain(SLICE);
    times.plain.push(performance.now() - between);
    times.rings.push(between - begun);
    if (sum !== expected) throw new Error(`the rings moved ${sum}, the plain loop ${expected}`);
  } while (performance.now() < end);
  return times;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

const round2 = (value: number) => Math.round(value * 100) / 100;

/** Guest memory with the areas of one queue and data buffers, both mapped for the device. */
class RingSetup {
  readonly format: RingFormat;
  readonly guest = new GuestMemory(1 << 20);
  readonly table = new Iotlb();
  readonly desc: Region;
  readonly driver: Region;
  readonly device: Region;
  /** Working memory of the plain loop. */
  readonly space: Region;
  readonly batch: Element[][];

  constructor(format: RingFormat, elements: number) {
    this.format = format;
    const { guest } = this;
    // The third block lies above 4 GiB: the addresses of descriptors need both words.
    const blocks = [1, 2, 3].map(() => guest.addBlock(1 << 16));
    for (const block of blocks) this.table.map(GuestMemory.mapping(block));
    const layout = layoutQueue(format, BENCH_QUEUE);
    this.desc = guest.alloc(blocks[0], layout.desc.size, 16);
    this.driver = guest.alloc(blocks[0], layout.driver.size, 16);
    this.device = guest.alloc(blocks[0], layout.device.size, 16);
    this.space = guest.alloc(blocks[1], plainSpace(BENCH_QUEUE, BENCH_BATCH, elements));
    this.batch = Array.from({ length: BENCH_BATCH }, (_, i) =>
      Array.from({ length: elements }, (_, j) => {
        const { iova, size } = guest.alloc(blocks[2], 64 + i);
        // Buffers of one element are written and read in turn; longer ones are read, then written.
        return { iova, len: size, write: elements === 1 ? i % 2 === 1 : j > 0 };
      }),
    );
  }

  areas(): Uint8Array[] {
    return [this.desc, this.driver, this.device].map(({ pa, size }) =>
      this.guest.host.bytes.subarray(pa, pa + size),
    );
  }

  /** The driver's and the device's ring of this project, the device's behind translation. */
  rings(): RingLoop {
    const { batch, desc, driver, device } = this;
    const memory = this.guest.host;
    const settings = { num: BENCH_QUEUE, eventIdx: false, inOrder: false };
    const packed = this.format === 'packed';
    const driverRing = createDriverRing(packed, { ...settings, memory, desc, driver, device });
    const dma = new DmaView(memory.port(), this.table);
    const areas = { descArea: desc.iova, driverArea: driver.iova, deviceArea: device.iova };
    const deviceRing = createDeviceRing(packed, dma, dma, { ...settings, ...areas, indirect: true });
    const options = batch.map((_, i) => ({ token: i }));
    return compileAlone(useRings)(driverRing, deviceRing, batch, options, blankUsed());
  }

  plain(): RingLoop {
    const { guest, format, space, batch } = this;
    const elements = batch.flat();
    const queue: PlainQueue = {
      buffer: guest.host.bytes.buffer as ArrayBuffer,
      num: BENCH_QUEUE,
      desc: this.desc.pa,
      driver: this.driver.pa,
      device: this.device.pa,
      space: space.pa,
      free: format === 'packed' ? firstIds() : Array.from({ length: BENCH_QUEUE }, (_, slot) => slot),
      count: batch.length,
      elements: batch[0].length,
      iovas: elements.map(({ iova }) => iova),
      lens: elements.map(({ len }) => len),
      writes: elements.map(({ write }) => write),
    };
    return plainLoop(format, queue);
  }
}

/** Buffer IDs in the order in which a packed driver ring of the measured size hands them out. */
function firstIds(): number[] {
  const memory = new GuestMemory(1 << 14).host;
  const at = (pa: number, size: number) => ({ pa, iova: pa, size });
  const size = 16 * BENCH_QUEUE;
  const areas = { desc: at(0, size), driver: at(size, 4), device: at(size + 4, 4) };
  const ring = createDriverRing(true, {
    ...areas,
    memory,
    num: BENCH_QUEUE,
    eventIdx: false,
    inOrder: false,
  });
  return Array.from({ length: BENCH_QUEUE }, () => ring.add([{ iova: 0, len: 1, write: false }]));
}
