import { type Issue, Medium, mayCache, type Range } from '../../specs/model/blk/medium.ts';
import type { Session } from '../session/session.ts';

/** Place of `writeback` in the configuration (section 5.2.4). */
const WRITEBACK = 32;

/** The medium as this session knows it. */
export const mediumOf = (session: Session): Medium => session.state('blk-medium', () => new Medium());

/** A request of this session is about to be made available. */
export const issueOf = (session: Session, changes?: readonly Range[]): Issue =>
  mediumOf(session).issue(caches(session), changes);

/** A request of this session that changes sectors is completed. */
export const completed = (
  session: Session,
  issue: Issue,
  contentOf?: (sector: number) => Uint8Array | undefined,
): void => mediumOf(session).complete(issue, caches(session), contentOf);

function caches(session: Session): boolean {
  return mayCache(session.features, () => {
    const value = new Uint8Array(1);
    session.recorded.quiet++;
    session.ops.getConfig(WRITEBACK, value);
    session.recorded.quiet--;
    return value[0];
  });
}
