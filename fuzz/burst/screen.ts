import type { PostedAnswers } from '../../framework/transport/posted.ts';
import { DESC_F, DESC_SIZE, SPLIT_AVAIL, SPLIT_USED } from '../../specs/virtio-1.1/ring-layout.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { Image, type Span } from './image.ts';
import { isLawful, type Shot, slotsOf } from './shot.ts';

const [DESC, DRIVER, DEVICE] = Image.areas;
const MARKS = DESC_F.AVAIL | DESC_F.USED;

/** A buffer that the device gave back. */
interface Used {
  readonly id: number;
  readonly len: number;
}

/**
 * A quick look at what a shot left in memory. It knows enough to let go what is right; what it does not like is run
 * again step by step and judged by the reference model, so nothing that it says is a verdict.
 */
export class Screen {
  readonly #spans: Span[] = [];

  /** What is odd about `now`, the arena of `shot` afterwards; null: nothing. `late`: it may have been held up. */
  look(
    shot: Shot,
    image: Image,
    now: Buffer,
    { reset, accepted }: PostedAnswers,
    late = false,
  ): string | null {
    if (reset !== 0) return `status 0x${reset.toString(16)} after a reset`;
    if (accepted < 0 || (accepted & STATUS.FEATURES_OK) === 0) return `features refused, status ${accepted}`;
    const stray = this.#strayStore(shot, image, now);
    if (stray !== null) return stray;
    const view = new DataView(now.buffer, now.byteOffset, now.length);
    // An index that no driver may set: what the device makes of it is seen in what it stores.
    if (image.available > shot.num) return null;
    const used = shot.packed ? usedPacked(shot, image, view) : usedSplit(shot, view);
    if (typeof used === 'string') return used;
    if (!isLawful(shot)) return impossible(shot, image, view, used);
    return late ? null : incomplete(shot, image, now, used);
  }

  /** A byte that changed where the device may not store. */
  #strayStore(shot: Shot, image: Image, now: Buffer): string | null {
    const spans = this.#spans;
    image.writable(shot, spans);
    spans.sort((a, b) => a.start - b.start);
    let from = 0;
    const differs = (start: number, end: number) =>
      start < end && image.bytes.compare(now, start, end, start, end) !== 0;
    for (const { start, end } of spans) {
      if (differs(from, start)) return `a store between ${from} and ${start}`;
      if (end > from) from = end;
    }
    return differs(from, now.length) ? `a store behind ${from}` : null;
  }
}

/** Buffers on the used ring; text where there are more than can be. */
function usedSplit({ num }: Shot, view: DataView): Used[] | string {
  const count = view.getUint16(DEVICE + SPLIT_USED.idx, true);
  if (count > num) return `used index ${count} in a queue of ${num}`;
  return Array.from({ length: count }, (_, i) => {
    const at = DEVICE + SPLIT_USED.ring + SPLIT_USED.entrySize * i;
    return {
      id: view.getUint32(at + SPLIT_USED.entryId, true),
      len: view.getUint32(at + SPLIT_USED.entryLen, true),
    };
  });
}

/**
 * Used descriptors of a packed ring, each behind those that the buffers before it took (section 2.7.9). Where the
 * driver spoilt nothing, the others must be as it left them, and the flags of the used ones right.
 */
function usedPacked(shot: Shot, image: Image, view: DataView): Used[] | string {
  const { num, chains, faults } = shot;
  const used: Used[] = [];
  let slot = 0;
  for (let seen = 0; slot < num && seen < chains.length; seen++) {
    const at = DESC + DESC_SIZE * slot;
    const flags = view.getUint16(at + 14, true);
    if ((flags & MARKS) !== MARKS) break;
    const id = view.getUint16(at + 12, true);
    const len = view.getUint32(at + 8, true);
    used.push({ id, len });
    const mine = image.chains.findIndex(({ head }) => head === id);
    // What the driver spoilt may look used, and nobody knows how long it is.
    if (faults.length > 0) return used;
    if (mine < 0) return `id ${id} given back, which is none of ours`;
    if ((flags & DESC_F.WRITE) === 0 && len > 0) return `used length ${len} without WRITE`;
    slot += slotsOf(chains[mine]);
  }
  if (faults.length > 0) return used;
  for (let rest = slot; rest < num; rest++)
    if ((view.getUint16(DESC + DESC_SIZE * rest + 14, true) & DESC_F.USED) !== 0)
      return `slot ${rest} is marked used, behind what was given back`;
  return used;
}

/** Valid requests all complete, each once, with the right length; disks write their status last. */
function incomplete({ chains }: Shot, { chains: placed }: Image, now: Buffer, used: Used[]): string | null {
  if (used.length !== chains.length) return `${used.length} of ${chains.length} requests completed`;
  for (let i = 0; i < chains.length; i++) {
    const { parts, request } = chains[i];
    const mine = used.filter(({ id }) => id === placed[i].head);
    if (mine.length !== 1) return `request ${i} completed ${mine.length} times`;
    if (mine[0].len !== request!.usedLen) return `request ${i} has used length ${mine[0].len}`;
    const last = parts.at(-1)!;
    if ('write' in last && now[placed[i].parts.at(-1)! + last.write - 1] !== 0)
      return `request ${i} has status ${now[placed[i].parts.at(-1)! + last.write - 1]}`;
  }
  return null;
}

/** Whatever is wrong, a device gives back only what it was given, and not twice. */
function impossible(shot: Shot, { available }: Image, view: DataView, used: Used[]): string | null {
  if (shot.packed) return null;
  const heads = Array.from({ length: available }, (_, i) =>
    view.getUint16(DRIVER + SPLIT_AVAIL.ring + SPLIT_AVAIL.entrySize * i, true),
  );
  for (const { id } of used) {
    const at = heads.indexOf(id);
    if (at < 0) return `head ${id} given back, which was not available or was given back before`;
    heads.splice(at, 1);
  }
  return null;
}
