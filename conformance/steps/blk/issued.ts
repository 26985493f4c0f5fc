import type { Issue, Range } from '../../../specs/model/blk/medium.ts';
import { BLK_S, BLK_T, SECTOR } from '../../kits/blk.ts';
import { completed, mediumOf } from '../../kits/medium.ts';
import type { Session } from '../../session/session.ts';

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

/** The sectors that a request writes to or discards. */
export function changesOf(
  type: number,
  sector: number,
  out: Uint8Array,
  ranges: readonly Range[],
): readonly Range[] {
  if (type === BLK_T.OUT) return [{ sector, count: Math.ceil(out.length / SECTOR) }];
  return type === BLK_T.DISCARD || type === BLK_T.WRITE_ZEROES ? ranges : [];
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
  const { type, issue } = request;
  const ok = status === BLK_S.OK && !request.breach;
  if (type === BLK_T.FLUSH && ok) mediumOf(session).flushed(issue);
  if (issue.changes.length > 0) completed(session, issue, ok ? contentAfter(request) : undefined);
  if (request.save !== undefined) session.saved.set(`blk:${request.save}`, bytes.slice(0, -1));
}

/** What a completed request left in its sectors; undefined where that is open. */
function contentAfter({ type, sector, out }: Issued): ((at: number) => Uint8Array | undefined) | undefined {
  if (type === BLK_T.WRITE_ZEROES) return () => ZERO_SECTOR;
  if (type !== BLK_T.OUT) return undefined;
  return (at) => {
    const bytes = out.subarray((at - sector) * SECTOR, (at - sector + 1) * SECTOR);
    return bytes.length === SECTOR ? bytes : undefined;
  };
}

export const ZERO_SECTOR = new Uint8Array(SECTOR);
