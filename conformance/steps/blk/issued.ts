import { BLK_S, BLK_T, SECTOR } from '../../kits/blk.ts';
import { type Issue, mediumOf } from '../../kits/medium.ts';
import type { Session } from '../../session/session.ts';
import type { Range } from './segments.ts';

/** What the session has to remember of a request to judge it later. */
export interface Issued {
  readonly type: number;
  readonly sector: number;
  /** Bytes written (OUT), or room for data (others). */
  readonly out: Uint8Array;
  readonly room: number;
  readonly ranges: readonly Range[];
  readonly save?: string;
  /** The driver broke a rule with it: what it did to its own sectors is open. */
  readonly breach?: boolean;
  readonly issue: Issue;
  settled: boolean;
}

export const issuedOf = (session: Session): Map<number, Issued> =>
  session.state('blk-issued', () => new Map<number, Issued>());

function forget(session: Session, ranges: readonly Range[]): void {
  const medium = mediumOf(session);
  for (const { sector, count } of ranges) medium.forget(sector, count);
}

/** Take over into the session's knowledge of the medium what a request has done. */
export function settle(
  session: Session,
  request: Issued,
  status: number | undefined,
  bytes: Uint8Array,
): void {
  if (request.settled) return;
  request.settled = true;
  const { type, sector, out, ranges, issue } = request;
  const medium = mediumOf(session);
  const ok = status === BLK_S.OK && !request.breach;
  if (type === BLK_T.OUT) {
    const whole = Math.floor(out.length / SECTOR);
    medium.forget(sector, Math.ceil(out.length / SECTOR));
    if (ok)
      for (let i = 0; i < whole; i++)
        medium.learn(sector + i, out.subarray(i * SECTOR, (i + 1) * SECTOR), issue);
  } else if (type === BLK_T.DISCARD || type === BLK_T.WRITE_ZEROES) {
    forget(session, ranges);
    if (type === BLK_T.WRITE_ZEROES && ok) {
      for (const range of ranges)
        for (let i = 0; i < Math.min(range.count, KNOWN_LIMIT); i++)
          medium.learn(range.sector + i, ZERO_SECTOR, issue);
    }
  } else if (type === BLK_T.FLUSH && ok) medium.flushed(issue);
  if (request.save !== undefined) session.saved.set(`blk:${request.save}`, bytes.slice(0, -1));
}

/** Sectors of one segment that the session remembers as zeroes. */
const KNOWN_LIMIT = 16384;

export const ZERO_SECTOR = new Uint8Array(SECTOR);
