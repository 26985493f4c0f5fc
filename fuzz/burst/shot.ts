import { BLK_T, blkHeader, SECTOR } from '../../conformance/kits/blk.ts';
import { NET_HDR } from '../../conformance/kits/net.ts';
import type { DeviceFacts } from '../../conformance/runner/device-facts.ts';
import { concat } from '../../conformance/steps/buffer-steps.ts';
import { between, chance, type Draw, pick, SeededDraw } from '../draw.ts';
import { offers } from '../scenes/scene.ts';
import { drawFaults, type Fault } from './fault.ts';

/** A stretch of a buffer: bytes for the device to read, or room for it to write. */
export type Part = { readonly read: Uint8Array } | { readonly write: number };

/** One buffer of a shot. */
export interface Chain {
  readonly parts: readonly Part[];
  /** Its descriptors are in a table of its own (INDIRECT_DESC). */
  readonly table: boolean;
  /** Packed: its Buffer ID, and what the descriptors of a list have for one that are not the last (2.7.6). */
  readonly id: number;
  readonly otherIds: number;
  /** A valid request of the device type; null: a buffer of any shape. */
  readonly request: { readonly dir: 'in' | 'out'; readonly size: number; readonly usedLen: number } | null;
}

/**
 * A small case that is sent in one go: reset, bring-up, a few buffers on one queue, a kick. What the driver leaves in
 * memory may be wrong in places (`faults`). Plain data; the same seed gives the same shot.
 */
export interface Shot {
  readonly seed: number;
  readonly queue: number;
  readonly features: readonly string[];
  readonly packed: boolean;
  readonly num: number;
  readonly chains: readonly Chain[];
  readonly faults: readonly Fault[];
}

/** Nothing in it breaks a rule of the driver: all of it has to complete. */
export const isLawful = ({ chains, faults }: Shot): boolean =>
  faults.length === 0 && chains.every(({ request }) => request !== null);

/** Ring slots that a chain takes. */
export const slotsOf = ({ parts, table }: Chain): number => (table ? 1 : parts.length);

const SPLIT_SIZES = [4, 8, 8, 16];
const PACKED_SIZES = [4, 5, 7, 8, 13, 16];
const MOST_CHAINS = 3;
/** Sectors that are read and written. */
const SECTORS = 64;

/** Whether shots know requests of this device type. */
export const hasShots = ({ type }: DeviceFacts): boolean => type === 'blk' || type === 'net';

/** Draw shot number `seed` for a device. */
export function drawShot(facts: DeviceFacts, seed: number): Shot {
  const draw = new SeededDraw(seed);
  const features = ['RING_PACKED', 'INDIRECT_DESC', 'EVENT_IDX'].filter(
    (name) => offers(facts, name) && chance(draw, 50),
  );
  const packed = features.includes('RING_PACKED');
  const num = Math.min(pick(draw, packed ? PACKED_SIZES : SPLIT_SIZES), facts.values.num_max as number);
  const tables = features.includes('INDIRECT_DESC');
  const ids = draw.int(0x8000);
  const chains: Chain[] = [];
  let left = num;
  for (let n = between(draw, 1, MOST_CHAINS); n > 0; n--) {
    const chain = drawChain(facts, draw, tables, ids + chains.length);
    if (slotsOf(chain) > left) break;
    left -= slotsOf(chain);
    chains.push(chain);
  }
  if (chains.length === 0) chains.push(tiny(ids));
  const shape = { queue: facts.type === 'net' ? 1 : 0, features, packed, num, chains };
  const faulty = chance(draw, 50);
  return { seed, ...shape, faults: faulty ? drawFaults(shape, draw) : [] };
}

/** What fits any ring. */
const tiny = (id: number): Chain => ({
  parts: [{ read: new Uint8Array(1) }],
  table: false,
  id,
  otherIds: id,
  request: null,
});

function drawChain(facts: DeviceFacts, draw: Draw, tables: boolean, id: number): Chain {
  const table = tables && chance(draw, 40);
  const otherIds = chance(draw, 15) ? draw.int(0x10000) : id;
  if (chance(draw, 12)) return { table, id, otherIds, parts: oddParts(draw), request: null };
  const { parts, request } = facts.type === 'net' ? transmission(draw) : transfer(facts, draw);
  return { table, id, otherIds, parts, request };
}

/** A shape that no device type knows. */
function oddParts(draw: Draw): Part[] {
  const sizes = [1, 2, 11, 12, 15, 16, 17, SECTOR, SECTOR + 1];
  return Array.from({ length: between(draw, 1, 3) }, () =>
    chance(draw, 50) ? { read: bytesOf(draw, pick(draw, sizes)) } : { write: pick(draw, sizes) },
  );
}

/** A sector read or written (section 5.2.6). */
function transfer(facts: DeviceFacts, draw: Draw): Pick<Chain, 'parts' | 'request'> {
  const dir = offers(facts, 'blk.RO') || chance(draw, 50) ? 'in' : 'out';
  const capacity = (facts.values.capacity as number) || 1;
  const sector = draw.int(Math.min(SECTORS, capacity));
  const header = blkHeader(dir === 'out' ? BLK_T.OUT : BLK_T.IN, sector);
  const readable = dir === 'out' ? concat([header, bytesOf(draw, SECTOR)]) : header;
  const writable = dir === 'out' ? 1 : SECTOR + 1;
  const parts = [...cutRead(draw, readable), ...cutWrite(draw, writable)];
  return { parts, request: { dir, size: SECTOR, usedLen: writable } };
}

/** A frame behind a header without offloads (section 5.1.6.2). */
function transmission(draw: Draw): Pick<Chain, 'parts' | 'request'> {
  const size = between(draw, 60, 180);
  const frame = bytesOf(draw, size);
  frame[0] &= 0xfe;
  const parts = cutRead(draw, concat([new Uint8Array(NET_HDR), frame]));
  return { parts, request: { dir: 'out', size, usedLen: 0 } };
}

/** Places to cut `size` bytes at: none, or one. */
function cutAt(draw: Draw, size: number): number[] {
  if (size < 2 || chance(draw, 50)) return [];
  return [Math.min(size - 1, pick(draw, [1, 8, 11, 12, 15, 16, 17, size >> 1, size - 1]))];
}
function cutRead(draw: Draw, bytes: Uint8Array): Part[] {
  const [at] = cutAt(draw, bytes.length);
  if (at === undefined) return [{ read: bytes }];
  return [{ read: bytes.subarray(0, at) }, { read: bytes.subarray(at) }];
}
function cutWrite(draw: Draw, size: number): Part[] {
  const [at] = cutAt(draw, size);
  return at === undefined ? [{ write: size }] : [{ write: at }, { write: size - at }];
}

const POOL = (() => {
  const draw = new SeededDraw(1);
  return Uint8Array.from({ length: 8192 }, () => draw.int(256));
})();

/** Bytes that nobody can tell from random ones; a copy. */
function bytesOf(draw: Draw, size: number): Uint8Array {
  const from = draw.int(POOL.length - size);
  return POOL.slice(from, from + size);
}
