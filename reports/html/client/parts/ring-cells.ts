import type { PictureQueue, PictureSlot } from '../../../results.ts';

/** A place in the drawing of a ring: a slot, or a run of free slots that is not worth drawing. */
export type RingCell = { kind: 'slot'; slot: PictureSlot } | { kind: 'gap'; from: number; count: number };

/** Rings up to this size are drawn in full. */
const FULL = 32;
/** Shorter runs of free slots are drawn. */
const SHORTEST_GAP = 4;

/** The slot that `driverPosition` or `devicePosition` names, when it names one. */
export function positionOf(text: string, num: number): number | undefined {
  const match = /(?:slot|index)\s+(\d+)/.exec(text);
  return match && num > 0 ? Number(match[1]) % num : undefined;
}

/** What is drawn, in ring order. Slots that the results leave out were not in use. */
export function ringCells(queue: PictureQueue, keep: ReadonlySet<number>): RingCell[] {
  const known = new Map(queue.slots.map((slot) => [slot.slot, slot]));
  const cells: RingCell[] = [];
  let gap: PictureSlot[] = [];
  const flush = () => {
    if (gap.length >= SHORTEST_GAP) cells.push({ kind: 'gap', from: gap[0].slot, count: gap.length });
    else cells.push(...gap.map((slot): RingCell => ({ kind: 'slot', slot })));
    gap = [];
  };
  for (let i = 0; i < queue.num; i++) {
    const slot = known.get(i) ?? { slot: i, state: 'free' };
    const dull = queue.num > FULL && slot.state === 'free' && !slot.used && !slot.wrong && !keep.has(i);
    if (dull) gap.push(slot);
    else {
      flush();
      cells.push({ kind: 'slot', slot });
    }
  }
  flush();
  return cells;
}

/** Elements of a buffer: `R12 W1514`. */
export const elementsText = (slot: PictureSlot): string =>
  (slot.elements ?? []).map(({ write, len }) => `${write ? 'W' : 'R'}${len}`).join(' ');

const FLAGS: readonly [string, number][] = [
  ['A', 0x80],
  ['U', 0x8000],
  ['W', 2],
];

/** AVAIL, USED and WRITE of a used descriptor: `A1 U1 W0`. */
export const flagsText = (flags: number): string =>
  FLAGS.map(([name, bit]) => `${name}${flags & bit ? 1 : 0}`).join(' ');
