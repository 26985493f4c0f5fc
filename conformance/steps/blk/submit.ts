import { BLK_T, blkHeader, SECTOR } from '../../kits/blk.ts';
import { issueOf } from '../../kits/medium.ts';
import type { Buffer, Part } from '../../session/buffers.ts';
import { addOptions, cutSizes, partsOf } from '../../session/requests.ts';
import type { Session } from '../../session/session.ts';
import { type BytesArg, bytesOf, concat } from '../buffer-steps.ts';
import { type FramingArgs, framingOf } from '../request/framing.ts';
import type { KickMode } from '../request/release.ts';
import { type Content, contentOf } from './content.ts';
import type { Expect } from './expect.ts';
import { changesOf, issuedOf } from './issued.ts';
import { numberOf, type Sector, type SegmentArg, segmentsOf } from './segments.ts';

export const TYPES = {
  in: BLK_T.IN,
  out: BLK_T.OUT,
  flush: BLK_T.FLUSH,
  'get-id': BLK_T.GET_ID,
  discard: BLK_T.DISCARD,
  'write-zeroes': BLK_T.WRITE_ZEROES,
} as const;

export interface BlkArgs extends FramingArgs, Content {
  op: keyof typeof TYPES | 'other';
  type?: number;
  sector?: Sector;
  sectors?: number;
  size?: number;
  reserved?: number;
  segments?: SegmentArg[];
  out?: BytesArg;
  in?: number;
  each?: number;
  as?: string;
  wait?: boolean;
  publish?: boolean;
  kick?: KickMode;
  save?: string;
  expect?: Expect;
}

/** Limits on the data of a request (section 5.2.3): segments, 1 where nothing is said, and bytes of each. */
export function limits(session: Session): { segments: number; size: number } {
  const offered = session.ops.getDeviceFeatures();
  const bytes = new Uint8Array(8);
  session.recorded.quiet++;
  session.ops.getConfig(8, bytes);
  session.recorded.quiet--;
  const view = new DataView(bytes.buffer);
  return {
    size: (offered & SIZE_MAX_BIT ? view.getUint32(0, true) : 0) || Number.POSITIVE_INFINITY,
    segments: (offered & SEG_MAX_BIT ? view.getUint32(4, true) : 0) || 1,
  };
}

const SIZE_MAX_BIT = 2n;

const SEG_MAX_BIT = 4n;

/**
 * Bytes of a data segment: as asked for, but within the device's limits and the room of the ring. A request that
 * breaks rules keeps to the ring only.
 */
function segmentSize(session: Session, args: BlkArgs, data: number): number {
  const limit = args.breach ? { segments: data, size: Number.POSITIVE_INFINITY } : limits(session);
  const room = args.indirect
    ? limit.segments
    : Math.min(limit.segments, session.queues.must(0).ring.free - 2);
  const least = Math.ceil(data / Math.max(1, room));
  if (least > limit.size) session.stop(`${data} bytes are more than seg_max and size_max admit`);
  return Math.max(1, least, Math.min(args.each ?? data, limit.size));
}

/** Sizes of the parts: header, data in pieces of `each` bytes, status byte. */
function cutOf(header: number, data: number, status: number, each: number): number[] {
  const pieces: number[] = [];
  for (let left = data; left > 0; left -= each) pieces.push(Math.min(each, left));
  return cutSizes(header + data + status, [...(header ? [header] : []), ...pieces]);
}

const NO_BYTES = new Uint8Array(0);

const NO_SEGMENTS: ReturnType<typeof segmentsOf> = { ranges: [], bytes: NO_BYTES };

/** Write one request to the queue; not available yet. Lies in the memory of `earlier` when that is laid out alike. */
export function submit(session: Session, args: BlkArgs, earlier?: Buffer): Buffer {
  const type = args.op === 'other' ? (args.type ?? 0) : TYPES[args.op];
  const sector = args.sector ?? 0;
  const start = numberOf(sector);
  const size = args.size ?? (args.sectors ?? (args.op === 'in' || args.op === 'out' ? 1 : 0)) * SECTOR;
  const { ranges, bytes } = args.segments === undefined ? NO_SEGMENTS : segmentsOf(args.segments);
  const data = args.op === 'out' ? contentOf(args, start, size) : NO_BYTES;
  const out =
    args.out === undefined && bytes.length === 0
      ? data
      : concat([data, bytes, args.out === undefined ? NO_BYTES : bytesOf(args.out)]);
  const room = (args.op === 'in' ? size : 0) + (args.in ?? 0);
  const readable = concat([
    blkHeader(type, typeof sector === 'string' ? BigInt(sector) : sector, args.reserved),
    out,
  ]);
  const each = segmentSize(session, args, Math.max(out.length, room));
  const cut = args.cut ?? { r: cutOf(16, out.length, 0, each), w: cutOf(0, room, 1, each) };
  const parts = partsOf(readable, room + 1, cut);
  const alike =
    earlier?.parts.length === parts.length && parts.every((part, i) => fits(part, earlier.parts[i]));
  const buffer = session.buffers.create(0, args.as ?? '', parts, alike ? earlier.regions : undefined);
  issuedOf(session).set(buffer.b, {
    type,
    sector: start,
    out,
    room,
    ranges,
    save: args.save,
    issue: issueOf(session, changesOf(type, start, out, ranges)),
    settled: false,
  });
  session.queues.add(buffer, addOptions(session, framingOf(args), parts.length));
  return buffer;
}

/** Whether two parts take the same room. */
const fits = (a: Part, b: Part): boolean =>
  'write' in a ? 'write' in b && a.write === b.write : 'read' in b && a.read.length === b.read.length;
