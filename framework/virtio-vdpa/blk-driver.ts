import { BLK_F } from '../../specs/virtio-1.1/features.ts';
import type { BoundDevice } from '../bound-device.ts';
import type { Region } from '../memory/guest-memory.ts';
import type { Element } from '../virtqueue/driver/ring.ts';
import { DriverBase } from './driver-base.ts';
import { DriverError } from './driver-error.ts';
import type { DriverOptions } from './driver-options.ts';
import type { DriverQueue } from './driver-queue.ts';

/** Bytes of a sector: the unit of the protocol, whatever `blk_size` says (section 5.2.5). */
export const SECTOR = 512;

/** Request types (section 5.2.6); GET_ID is common practice and part of later versions. */
const T = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8, DISCARD: 11, WRITE_ZEROES: 13 } as const;

/** Request status (section 5.2.6): 0 is success, anything beyond these is none. */
const FAILURES: Readonly<Record<number, 'IOERR' | 'UNSUPP'>> = { 1: 'IOERR', 2: 'UNSUPP' };

/** A request that the device did not carry out. */
export class BlkError extends Error {
  readonly code: 'IOERR' | 'UNSUPP' | 'BAD_STATUS';
  /** The status byte (section 5.2.6). */
  readonly status: number;
  constructor(what: string, status: number) {
    const code = FAILURES[status] ?? 'BAD_STATUS';
    super(`${what}: status ${status} (${code})`);
    this.name = 'BlkError';
    this.code = code;
    this.status = status;
  }
}

/** How a block driver runs its device. */
export interface BlkDriverOptions extends DriverOptions {
  /** Most data bytes of one request; longer transfers become several requests (default 16384). */
  readonly transfer?: number;
  /** Most bytes of one descriptor, beside what the device says in `size_max` (default 4096). */
  readonly segment?: number;
  /** Most requests under way at a time (default 16). */
  readonly depth?: number;
}

/** What the driver uses of section 5.2.3. */
const UNDERSTOOD =
  BLK_F.SIZE_MAX |
  BLK_F.SEG_MAX |
  BLK_F.RO |
  BLK_F.BLK_SIZE |
  BLK_F.FLUSH |
  BLK_F.DISCARD |
  BLK_F.WRITE_ZEROES;

const HEADER = 16;
const RANGE = 16;
const ID_BYTES = 20;
const NO_DATA = new Uint8Array(0);

/** One request: `out` goes to the device, `into` is filled by it. */
interface Request {
  readonly what: string;
  readonly type: number;
  readonly sector: number;
  readonly out: Uint8Array;
  readonly into: Uint8Array;
}

/** A request under way, and the memory it lives in: header, data, status byte, one behind the other. */
interface UnderWay {
  readonly request: Request;
  readonly slot: Region;
}

/** A virtio block driver (section 5.2): one request queue, several requests under way, used in any order. */
export class BlkDriver extends DriverBase {
  /** The device offers VIRTIO_BLK_F_RO: every write ends in IOERR (section 5.2.6.2). */
  readonly readOnly: boolean;
  /** Optimal block size in bytes (section 5.2.5). */
  readonly blockSize: number;
  /** Requests that can be under way at a time. */
  readonly depth: number;
  readonly #queue: DriverQueue<UnderWay>;
  readonly #idle: Region[] = [];
  readonly #segment: number;
  readonly #transfer: number;
  #capacity: number;

  /** Bring the device up (sections 3.1.1 and 5.2.5). @throws DriverError when it does not come up */
  constructor(virtio: BoundDevice, options: BlkDriverOptions) {
    super('blk', virtio, options, UNDERSTOOD);
    this.readOnly = this.has(BLK_F.RO);
    this.blockSize = this.has(BLK_F.BLK_SIZE) ? this.configNumber('blk_size') : SECTOR;
    this.#capacity = this.configNumber('capacity');
    const sizeMax = this.has(BLK_F.SIZE_MAX) ? this.configNumber('size_max') : Number.POSITIVE_INFINITY;
    const segMax = this.has(BLK_F.SEG_MAX) ? this.configNumber('seg_max') : Number.POSITIVE_INFINITY;
    const wanted = options.transfer ?? 16384;
    this.#segment = Math.min(options.segment ?? 4096, sizeMax);
    // Header and status take a descriptor each; neither chain nor table may be longer than the queue allows.
    this.#queue = this.addQueue(0, Math.ceil(wanted / this.#segment) + 2, true);
    const { limit, ring } = this.#queue;
    const most = Math.min(wanted, Math.min(limit - 2, segMax) * this.#segment);
    this.#transfer = Math.floor(most / SECTOR) * SECTOR;
    if (!(this.#transfer >= SECTOR))
      this.fail('set-up', `a queue of ${ring.config.num} holds no request of one sector`);
    this.depth = Math.min(options.depth ?? 16, ring.config.num);
    for (let i = 0; i < this.depth; i++) this.#idle.push(this.alloc(HEADER + this.#transfer + 1));
    this.goLive();
  }

  /** Size of the disk in sectors; follows configuration changes (section 5.2.4). */
  get capacity(): number {
    if (this.configChanged) {
      this.configChanged = false;
      this.#capacity = this.configNumber('capacity');
    }
    return this.#capacity;
  }

  /** Requests whose memory is not in use; equals {@link depth} when nothing is under way. */
  get idle(): number {
    return this.#idle.length;
  }

  /** Read `count` sectors from `sector` on. @throws BlkError, DriverError, RangeError beyond the capacity */
  read(sector: number, count: number): Uint8Array {
    this.#check(sector, count);
    const bytes = new Uint8Array(count * SECTOR);
    this.#run(this.#cut(bytes, 'read', T.IN, sector));
    return bytes;
  }

  /** Write whole sectors from `sector` on. @throws BlkError (IOERR when read-only), DriverError, RangeError */
  write(sector: number, bytes: Uint8Array): void {
    this.#check(sector, bytes.length / SECTOR);
    this.#run(this.#cut(bytes, 'write', T.OUT, sector));
  }

  /**
   * Make all completed writes stable (section 5.2.6.2). Without VIRTIO_BLK_F_FLUSH the cache is a writethrough
   * one as far as the driver can know (section 5.2.5.1), and nothing is to be done.
   */
  flush(): void {
    if (!this.has(BLK_F.FLUSH)) return;
    this.#run([{ what: 'flush', type: T.FLUSH, sector: 0, out: NO_DATA, into: NO_DATA }]);
  }

  /** Discard `count` sectors: what they hold afterwards is undefined. @throws BlkError, DriverError, RangeError */
  discard(sector: number, count: number): void {
    this.#ranges('discard', T.DISCARD, BLK_F.DISCARD, sector, count, 0);
  }

  /** Zero `count` sectors; `unmap` allows the device to deallocate them. @throws as {@link discard} */
  writeZeroes(sector: number, count: number, unmap = false): void {
    this.#ranges('write_zeroes', T.WRITE_ZEROES, BLK_F.WRITE_ZEROES, sector, count, unmap ? 1 : 0);
  }

  /** The serial number, up to 20 characters. @throws BlkError UNSUPP where there is none */
  getId(): string {
    const into = new Uint8Array(ID_BYTES);
    this.#run([{ what: 'get id', type: T.GET_ID, sector: 0, out: NO_DATA, into }]);
    const end = into.indexOf(0);
    return new TextDecoder('latin1').decode(end < 0 ? into : into.subarray(0, end));
  }

  /** Discard or write zeroes, within the limits that the configuration gives (sections 5.2.4 and 5.2.6). */
  #ranges(
    what: 'discard' | 'write_zeroes',
    type: number,
    feature: bigint,
    sector: number,
    count: number,
    flags: number,
  ): void {
    if (!this.has(feature)) throw new DriverError('features', `${what} was not negotiated`);
    this.#check(sector, count);
    const longest = this.configNumber(`max_${what}_sectors`);
    const most = Math.min(this.configNumber(`max_${what}_seg`), Math.floor(this.#transfer / RANGE));
    if (longest === 0 || most === 0)
      throw new DriverError('features', `the device permits no ${what} at all`);
    const requests: Request[] = [];
    for (let at = 0; at < count; ) {
      const out = new Uint8Array(RANGE * Math.min(most, Math.ceil((count - at) / longest)));
      const view = new DataView(out.buffer);
      for (let i = 0; i < out.length; i += RANGE) {
        const length = Math.min(longest, count - at);
        view.setBigUint64(i, BigInt(sector + at), true);
        view.setUint32(i + 8, length, true);
        view.setUint32(i + 12, flags, true);
        at += length;
      }
      requests.push({ what, type, sector: 0, out, into: NO_DATA });
    }
    this.#run(requests);
  }

  /** No request reaches beyond the capacity (section 5.2.6.1). */
  #check(sector: number, count: number): void {
    if (Number.isInteger(sector) && Number.isInteger(count) && sector >= 0 && count >= 0) {
      if (sector + count <= this.capacity) return;
    }
    throw new RangeError(`${count} sectors at ${sector}: the disk has ${this.capacity} whole sectors`);
  }

  /** Requests that together transfer `bytes`. */
  #cut(bytes: Uint8Array, what: string, type: number, sector: number): Request[] {
    const requests: Request[] = [];
    for (let at = 0; at < bytes.length; at += this.#transfer) {
      const piece = bytes.subarray(at, at + this.#transfer);
      const [out, into] = type === T.OUT ? [piece, NO_DATA] : [NO_DATA, piece];
      requests.push({ what, type, sector: sector + at / SECTOR, out, into });
    }
    return requests;
  }

  /** Carry out all requests, as many at a time as there is room for; then report the first that failed. */
  #run(requests: readonly Request[]): void {
    let failure: BlkError | undefined;
    for (let next = 0, left = requests.length; left > 0; ) {
      while (next < requests.length && this.#submit(requests[next])) next++;
      this.#queue.publish();
      this.waitFor(this.#queue);
      for (const { token, length } of this.#queue.collect()) {
        const result = this.#finish(token, length);
        failure ??= result;
        left--;
      }
    }
    if (failure !== undefined) throw failure;
  }

  /** Put one request into the ring; false when there is no memory or no room for it now. */
  #submit(request: Request): boolean {
    const slot = this.#idle.at(-1);
    if (slot === undefined) return false;
    const { out, into } = request;
    const bytes = this.bytes(slot);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint32(0, request.type, true);
    view.setUint32(4, 0, true);
    view.setBigUint64(8, BigInt(request.sector), true);
    bytes.set(out, HEADER);
    const status = HEADER + out.length + into.length;
    bytes[status] = 0xff;
    const elements: Element[] = [{ iova: slot.iova, len: HEADER, write: false }];
    for (let at = HEADER; at < status; at += this.#segment)
      elements.push({
        iova: slot.iova + at,
        len: Math.min(this.#segment, status - at),
        write: into.length > 0,
      });
    elements.push({ iova: slot.iova + status, len: 1, write: true });
    if (!this.#queue.add(elements, { request, slot })) return false;
    this.#idle.pop();
    return true;
  }

  /** Take the result over and free the memory. Nothing beyond the used length counts (section 2.6.8.3). */
  #finish({ request, slot }: UnderWay, length: number | undefined): BlkError | undefined {
    const { what, out, into } = request;
    const bytes = this.bytes(slot);
    const status = bytes[HEADER + out.length + into.length];
    this.#idle.push(slot);
    if (status !== 0) return new BlkError(`${what} at sector ${request.sector}`, status);
    // A serial number may be shorter than its field.
    const least = request.type === T.GET_ID ? 1 : into.length + 1;
    if (length !== undefined && length < least)
      this.fail('device', `${what}: used length ${length} does not cover what the device wrote`);
    into.set(bytes.subarray(HEADER, HEADER + into.length));
    return undefined;
  }
}
