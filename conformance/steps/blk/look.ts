import { Buffer as NodeBuffer } from 'node:buffer';
import { allowedStatuses } from '../../../specs/model/blk/status.ts';
import { BLK_S, BLK_T, capacity, SECTOR } from '../../kits/blk.ts';
import { difference } from '../../kits/kit.ts';
import { mediumOf } from '../../kits/medium.ts';
import type { Buffer } from '../../session/buffers.ts';
import type { Session } from '../../session/session.ts';
import { contentOf } from './content.ts';
import type { DataArg, Expect, StatusName } from './expect.ts';
import { type Issued, issuedOf, settle, ZERO_SECTOR } from './issued.ts';

export interface Seen {
  name: string;
  used: boolean;
  len?: number;
  /** Device-writable bytes. */
  total: number;
  /** The last writable byte; absent when there is none. */
  status?: number;
  /** Where the data of a read is not what it should be. */
  data?: string;
  /** Statuses that the model allows; absent after a breach, when anything goes. */
  allowed?: readonly StatusName[];
}

/** What is wrong with the data of a completed read. */
function wrongData(session: Session, request: Issued, bytes: Uint8Array, want: DataArg): string | undefined {
  if (want === 'any') return undefined;
  const got = bytes.subarray(0, request.room);
  if (typeof want === 'object' && want.same !== undefined) {
    const saved = session.saved.get(`blk:${want.same}`) as Uint8Array | undefined;
    if (saved === undefined) session.stop(`no read was saved as ${want.same}`);
    return difference('data', saved, got) ?? undefined;
  }
  const medium = mediumOf(session);
  for (let i = 0; i * SECTOR < got.length; i++) {
    const sector = request.sector + i;
    const expected =
      want === 'known'
        ? medium.expected(sector, request.issue)
        : want === 'zeroes'
          ? ZERO_SECTOR
          : contentOf(want, sector, SECTOR);
    if (expected === undefined) continue;
    const piece = got.subarray(i * SECTOR, (i + 1) * SECTOR);
    if (NodeBuffer.compare(expected.subarray(0, piece.length), piece) === 0) continue;
    const problem = difference(`sector ${sector}`, expected.subarray(0, piece.length), piece);
    if (problem !== null) return problem;
  }
  return undefined;
}

/** Look at a request, used or not. */
export function look(session: Session, buffer: Buffer, expect: Expect): Seen {
  const bytes = session.buffers.written(buffer);
  const total = bytes.length;
  const request = issuedOf(session).get(buffer.b);
  const allowed =
    expect.status === 'model' && request && session.runs() ? modelOf(session, request) : undefined;
  if (buffer.used === undefined)
    return { name: buffer.name, used: false, total, ...(allowed ? { allowed } : {}) };
  const status = total === 0 ? undefined : bytes[total - 1];
  let data: string | undefined;
  if (request !== undefined) {
    if (request.type === BLK_T.IN && status === BLK_S.OK)
      data = wrongData(session, request, bytes, expect.data ?? (request.breach ? 'any' : 'known'));
    settle(session, request, status, bytes);
  }
  const { len } = buffer.used;
  return {
    name: buffer.name,
    used: true,
    total,
    ...(len === undefined ? {} : { len }),
    ...(status === undefined ? {} : { status }),
    ...(data === undefined || (expect.status === 'model' && !allowed) ? {} : { data }),
    ...(allowed ? { allowed } : {}),
  };
}

/** Statuses that the model allows for a request in this session. */
function modelOf(session: Session, { type, sector, out, room, ranges }: Issued): readonly StatusName[] {
  const limit = capacity(session);
  const size = type === BLK_T.OUT ? out.length : type === BLK_T.IN ? room : 0;
  const within = [{ sector, count: Math.ceil(size / SECTOR) }, ...ranges].every(
    (one) => one.sector + one.count <= limit,
  );
  const flags = Array.from({ length: Math.floor(out.length / 16) }, (_, i) =>
    new DataView(out.buffer, out.byteOffset + 16 * i).getUint32(12, true),
  );
  const segments = type === BLK_T.DISCARD || type === BLK_T.WRITE_ZEROES ? flags : [];
  return allowedStatuses(
    { type, inRange: within, flags: segments },
    session.ops.getDeviceFeatures(),
    session.features,
  );
}
