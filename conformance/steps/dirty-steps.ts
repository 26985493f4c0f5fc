import { Buffer as NodeBuffer } from 'node:buffer';
import { DIRTY_PAGE, pagesOf } from '../../framework/memory/dirty.ts';
import type { NamedRegion } from '../session/memory.ts';
import type { Session } from '../session/session.ts';
import { BOOL, defineStep, obj, oneOf, type Problem } from './step.ts';

interface DirtyArgs {
  start?: boolean;
  anew?: boolean;
  stop?: boolean;
  marked?: 'buffers' | 'rings' | 'all';
  still?: boolean;
}

/** Pages are told by number. */
interface DirtySeen {
  error?: number;
  written?: number;
  missing?: number[];
  /** Pages that are marked although the device did not write them. */
  over?: number;
  changed?: number;
}

/** A log, the time it was in use (as places in the history), and what it held when it was stopped. */
interface Tracked {
  readonly log: NamedRegion;
  readonly from: number;
  to: number | null;
  left: Uint8Array | null;
}

const KEY = 'dirty-log';

/** A log with a bit for each page that is mapped now. */
function makeLog(session: Session): NamedRegion {
  const end = Math.max(...session.virtio.spaces[0].table.entries.map(({ iova, size }) => iova + size), 0);
  const bytes = Math.ceil(end / DIRTY_PAGE / 8 / DIRTY_PAGE) * DIRTY_PAGE;
  if (bytes === 0) session.stop('nothing is mapped yet, so there is nothing to track');
  const log = session.memory.allocPages('the dirty log', bytes, 0);
  return log;
}

function announce(session: Session, { pa, size }: NamedRegion, on: boolean): void {
  session.recorder.push({ k: 'dirty-log', pa, n: size, on });
}

function start(session: Session, anew: boolean): DirtySeen {
  const tracking = session.instance.dirty ?? session.lacks('the parent has no dirty tracking');
  const before = anew ? undefined : (session.saved.get(KEY) as Tracked | undefined);
  const log = before?.log ?? makeLog(session);
  announce(session, log, true);
  const error = tracking.start({ addr: log.pa, bytes: session.memory.bytes(log) });
  const from = before?.from ?? session.recorder.events.length;
  session.saved.set(KEY, { log, from, to: null, left: null } satisfies Tracked);
  return { error };
}

function tracked(session: Session): Tracked {
  return (session.saved.get(KEY) as Tracked | undefined) ?? session.stop('dirty tracking was not started');
}

function stop(session: Session): DirtySeen {
  const state = tracked(session);
  const error = session.instance.dirty!.stop();
  announce(session, state.log, false);
  state.to = session.recorder.events.length;
  state.left = session.memory.bytes(state.log).slice();
  return { error };
}

/** Whether the address lies in an area of a ring. */
function inRing(session: Session, pa: number): boolean {
  return session.queues.all.some(({ areas }) =>
    [areas.desc, areas.driver, areas.device].some((area) => pa >= area.pa && pa < area.pa + area.size),
  );
}

/** The pages that the device wrote while tracking was on, according to memory access tracking. */
function writtenPages(session: Session, { log, from, to }: Tracked, which: 'buffers' | 'rings' | 'all') {
  const pages = new Set<number>();
  for (const event of session.recorder.events.slice(from, to ?? undefined)) {
    if (event.k !== 'store' || (event.pa >= log.pa && event.pa < log.pa + log.size)) continue;
    if (which !== 'all' && inRing(session, event.pa) !== (which === 'rings')) continue;
    for (const { iova, size, addr } of session.virtio.spaces[0].table.entries) {
      if (event.pa < addr || event.pa >= addr + size) continue;
      const { first, last } = pagesOf(iova + event.pa - addr, event.n);
      for (let page = first; page <= last; page++) pages.add(page);
    }
  }
  return pages;
}

/** Pages whose bit is set. Logs are long and nearly empty: most of one is gone over by the word. */
function* markedPages(bytes: Uint8Array): Generator<number> {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  for (let i = 0; i < words.length; i++) {
    if (words[i] === 0) continue;
    for (let page = 32 * i; page < 32 * (i + 1); page++)
      if ((bytes[page >> 3] & (1 << (page & 7))) !== 0) yield page;
  }
}

function compare(session: Session, which: 'buffers' | 'rings' | 'all'): DirtySeen {
  const state = tracked(session);
  const bytes = session.memory.bytes(state.log);
  const isMarked = (page: number) => (bytes[Math.floor(page / 8)] & (1 << (page % 8))) !== 0;
  // What was mapped later may lie beyond the log.
  const covered = (pages: Set<number>) => new Set([...pages].filter((page) => page < 8 * bytes.length));
  const written = covered(writtenPages(session, state, which));
  const all = which === 'all' ? written : writtenPages(session, state, 'all');
  let over = 0;
  for (const page of markedPages(bytes)) if (!all.has(page)) over++;
  return { written: written.size, missing: [...written].filter((page) => !isMarked(page)), over };
}

function changes(session: Session): DirtySeen {
  const { left, log } = tracked(session);
  if (left === null) session.stop('dirty tracking was not stopped');
  const now = session.memory.bytes(log);
  if (NodeBuffer.compare(left, now) === 0) return { changed: 0 };
  return { changed: left.filter((byte, i) => byte !== now[i]).length };
}

/** `dirty-log`: tracking of the pages that the device writes. */
export const dirtyLogStep = defineStep<DirtyArgs, DirtySeen>({
  name: 'dirty-log',
  summary:
    'Start or stop dirty page tracking, with one log for the whole session (`anew`: with another one from here on); `marked` compares the log with the pages ' +
    'that the device wrote meanwhile, to data buffers, rings or all (the observation tells how many pages were marked ' +
    'beyond those, as `over`, and results sum it up); `still`: the log is as it was when tracking stopped.',
  example: '{dirty-log: {start: true}}',
  schema: obj({ start: BOOL, anew: BOOL, stop: BOOL, marked: oneOf('buffers', 'rings', 'all'), still: BOOL }),
  run(session, args) {
    return {
      ...(args.start ? start(session, args.anew ?? false) : {}),
      ...(args.stop ? stop(session) : {}),
      ...(args.marked ? compare(session, args.marked) : {}),
      ...(args.still ? changes(session) : {}),
    };
  },
  figures: ({ written, over }): Record<string, number> =>
    written === undefined ? {} : { 'dirty-pages-written': written, 'dirty-pages-over-marked': over ?? 0 },
  judge(args, { error = 0, written, missing = [], changed = 0 }): Problem[] {
    const problems: Problem[] = [];
    if (error < 0) problems.push({ expected: 'dirty tracking starts and stops', actual: `error ${error}` });
    if (written === 0)
      problems.push({
        expected: 'the device writes while tracked',
        actual: 'it wrote nothing',
        blocked: true,
      });
    if (missing.length > 0) {
      const pages = missing.map((page) => `0x${page.toString(16)}`).join(', ');
      problems.push({
        expected: `all ${written} pages that the device wrote (${args.marked}) are marked`,
        actual: `not marked: ${pages}`,
      });
    }
    if (changed > 0)
      problems.push({ expected: 'nobody writes to the log any more', actual: `${changed} bytes changed` });
    return problems;
  },
});
