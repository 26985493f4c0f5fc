import { remembering } from '../../specs/remember.ts';
import type { Buffer } from '../session/buffers.ts';
import type { Session } from '../session/session.ts';
import { type DeviceKit, difference, pattern } from './kit.ts';
import { completed, issueOf, mediumOf } from './medium.ts';

/** Request types (section 5.2.6). */
export const BLK_T = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8, DISCARD: 11, WRITE_ZEROES: 13 } as const;
/** Status bytes (section 5.2.6). */
export const BLK_S = { OK: 0, IOERR: 1, UNSUPP: 2 } as const;

export const SECTOR = 512;

/** The 16-byte request header: type le32, reserved le32, sector le64. */
export function blkHeader(type: number, sector: number | bigint, reserved = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, reserved, true);
  if (typeof sector === 'number' && sector >= 0) {
    view.setUint32(8, sector, true);
    view.setUint32(12, sector / 0x1_0000_0000, true);
  } else view.setBigUint64(8, BigInt.asUintN(64, BigInt(sector)), true);
  return bytes;
}

/** Capacity in sectors, from the configuration space (section 5.2.4). */
export function capacity(session: Session): number {
  CAPACITY.fill(0);
  session.recorded.quiet++;
  session.ops.getConfig(0, CAPACITY);
  session.recorded.quiet--;
  return CAPACITY_VIEW.getUint32(0, true) + CAPACITY_VIEW.getUint32(4, true) * 0x1_0000_0000;
}

const CAPACITY = new Uint8Array(8);
const CAPACITY_VIEW = new DataView(CAPACITY.buffer);

/** First sector that requests of `seed` use: spread over the disk, aligned to 8 sectors for large blocks. */
function sectorFor(session: Session, seed: number, count: number): number {
  const slots = Math.floor((capacity(session) - count) / 8);
  return slots <= 0 ? 0 : 8 * ((seed * 37 + 11) % slots);
}

const sectorOf = (data: Uint8Array, i: number) =>
  data.length === SECTOR ? data : data.subarray(i * SECTOR, (i + 1) * SECTOR);

/** The readable bytes of requests that come again and again. Shared: not to be changed. */
const shared = remembering<string, Uint8Array>(8192);

const readHeader = (sector: number) => shared(`in ${sector}`, () => blkHeader(BLK_T.IN, sector));

function writeRequest(sector: number, seed: number, data: Uint8Array): Uint8Array {
  return shared(`out ${sector} ${seed} ${data.length}`, () => {
    const readable = new Uint8Array(16 + data.length);
    readable.set(blkHeader(BLK_T.OUT, sector));
    readable.set(data, 16);
    return readable;
  });
}

/** Read-write requests of a block device: header, data, status byte 0xFF before. */
export const blkKit: DeviceKit = {
  deviceType: 'blk',
  sizes: { min: SECTOR, typical: SECTOR },
  queue: () => 0,
  lacks: (session, direction) =>
    direction === 'out' && (session.offered & 32n) !== 0n ? 'the device is read-only' : null,
  plan(session, direction, size, seed) {
    const count = Math.max(1, Math.ceil(size / SECTOR));
    if (direction === 'out') {
      const sector = sectorFor(session, seed, count);
      const data = pattern(seed, count * SECTOR);
      const readable = writeRequest(sector, seed, data);
      const issue = issueOf(session, [{ sector, count }]);
      return {
        queue: 0,
        readable,
        writable: 1,
        usedLen: 1,
        about: 'P1.1-026b',
        check(_, buffer: Buffer) {
          const status = session.buffers.lastByte(buffer);
          if (status !== BLK_S.OK) return `status ${status} instead of OK (0)`;
          completed(session, issue, (at) => sectorOf(data, at - sector));
          return null;
        },
      };
    }
    const sector = sectorFor(session, seed, count);
    const issue = issueOf(session);
    return {
      queue: 0,
      readable: readHeader(sector),
      writable: count * SECTOR + 1,
      usedLen: count * SECTOR + 1,
      about: 'P1.1-026b',
      check(_, buffer: Buffer) {
        const status = session.buffers.lastByte(buffer);
        if (status !== BLK_S.OK) return `status ${status} instead of OK (0)`;
        for (let i = 0; i < count; i++) {
          const want = mediumOf(session).expected(sector + i, issue);
          if (want === undefined || session.buffers.differsAt(buffer, i * SECTOR, want) < 0) continue;
          const got = session.buffers.written(buffer).subarray(i * SECTOR, (i + 1) * SECTOR);
          return difference(`sector ${sector + i}`, want, got);
        }
        return null;
      },
    };
  },
};
