import { DIRTY_PAGE } from '../../framework/memory/dirty.ts';
import { PreCopy, type PreCopyFigures } from '../../framework/migration/pre-copy.ts';
import type { NamedRegion } from './memory.ts';
import type { Session } from './session.ts';

const KEY = 'pre-copy';

/** A pre-copy under way: memory of the destination, the dirty log of the source, and how far the history was seen. */
interface UnderWay {
  readonly copy: PreCopy;
  readonly log: NamedRegion;
  /** The log by IOVA has a bit for pages below this one. */
  readonly pages: number;
  seen: number;
}

const underWay = (session: Session) => session.saved.get(KEY) as UnderWay | undefined;

const mapped = (session: Session) => () => session.virtio.spaces[0].table.entries;

/** Begin to copy memory while the device runs and marks what it writes. Returns 0 or the errno of dirty tracking. */
export function startPreCopy(session: Session): number {
  const tracking = session.instance.dirty ?? session.lacks('the parent has no dirty tracking');
  const entries = mapped(session)();
  if (entries.some(({ iova, size }) => iova % DIRTY_PAGE !== 0 || size % DIRTY_PAGE !== 0))
    session.stop('memory is not mapped in whole pages');
  const end = Math.max(...entries.map(({ iova, size }) => iova + size), 0);
  const bytes = Math.ceil(end / DIRTY_PAGE / 8 / DIRTY_PAGE) * DIRTY_PAGE;
  if (bytes === 0) session.stop('nothing is mapped yet, so there is nothing to copy');
  const log = session.state('pre-copy-log', () => session.memory.allocPages('the dirty log', 2 * bytes, 0));
  session.memory.bytes(log).fill(0);
  session.recorder.push({ k: 'dirty-log', pa: log.pa, n: log.size, on: true });
  const error = tracking.start({ addr: log.pa, bytes: session.memory.bytes(log) });
  if (error < 0) return error;
  const copy = new PreCopy(session.memory.host.bytes, mapped(session));
  session.saved.set(KEY, {
    copy,
    log,
    pages: log.size * 8,
    seen: session.recorder.events.length,
  } satisfies UnderWay);
  return 0;
}

/** Physical pages that the device stored into since the last round, by memory access tracking. */
function storedPages(session: Session, state: UnderWay): Set<number> {
  const pages = new Set<number>();
  const { events } = session.recorder;
  for (; state.seen < events.length; state.seen++) {
    const event = events[state.seen];
    if (event.k !== 'store') continue;
    for (let at = Math.floor(event.pa / DIRTY_PAGE); at * DIRTY_PAGE < event.pa + event.n; at++)
      pages.add(at);
  }
  return pages;
}

/**
 * Send what became dirty: pages that the device marked, and those that the processor wrote, which are those that
 * differ though no device stored into them. The marks that were read are taken back.
 */
export function preCopyRound(session: Session): number {
  const state = underWay(session) ?? session.stop('no pre-copy is under way');
  const { copy, log } = state;
  const bits = session.memory.bytes(log).slice();
  session.memory.bytes(log).fill(0);
  const stored = storedPages(session, state);
  return copy.round((page, pa) => {
    // What the log has no bit for is always copied.
    const marked = page >= state.pages || (bits[Math.floor(page / 8)] & (1 << (page % 8))) !== 0;
    return marked || (!stored.has(pa / DIRTY_PAGE) && copy.differs(pa));
  });
}

/** What came of a pre-copy; pages that were not copied are told by number, those of rings apart. */
export interface PreCopied extends PreCopyFigures {
  readonly missedBuffers: number[];
  readonly missedRings: number[];
}

/** Whether the page at `pa` holds a part of a ring. */
const holdsRing = (session: Session, pa: number): boolean =>
  session.queues.all.some(({ areas }) =>
    [areas.desc, areas.driver, areas.device].some(
      (area) => area.pa < pa + DIRTY_PAGE && pa < area.pa + area.size,
    ),
  );

/** The device has stopped: the last round, then memory is that of the destination. Null without a pre-copy. */
export function finishPreCopy(session: Session): PreCopied | null {
  const state = underWay(session);
  if (state === undefined) return null;
  const { copy, log } = state;
  session.instance.dirty?.stop();
  session.recorder.push({ k: 'dirty-log', pa: log.pa, n: log.size, on: false });
  preCopyRound(session);
  session.saved.delete(KEY);
  const missed = copy.differences();
  const numbers = (rings: boolean) =>
    missed.filter(([, pa]) => holdsRing(session, pa) === rings).map(([page]) => page);
  const result = { ...copy.figures, missedBuffers: numbers(false), missedRings: numbers(true) };
  copy.switchOver();
  return result;
}
