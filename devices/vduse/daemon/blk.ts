import { DmaFault } from '../../../framework/memory/host-memory.ts';
import { type DeviceBuffer, writableBytes } from '../../../framework/virtqueue/device/ring.ts';
import { BLK_F } from '../../../specs/virtio-1.1/features.ts';
import { CAPACITY_AT } from '../../simulator/blk/blk-config.ts';
import * as commands from '../../simulator/blk/commands.ts';
import { Disk, SECTOR } from '../../simulator/blk/disk.ts';
import { type BlkProfile, MAX_CAPACITY } from '../../simulator/blk/profile.ts';
import { BLK_T, type BlkRequest, parseRequest } from '../../simulator/blk/request.ts';
import { storeWritable, zeroWritable } from '../../simulator/buffer-io.ts';
import { GIVEN, pageBytes } from '../channel.ts';
import { DaemonDevice } from './daemon-device.ts';
import type { KernelCalls } from './kernel-calls.ts';
import type { DaemonQueue } from './queue.ts';

/** Bytes that one request may move at least, however its segments are declared. */
const MIN_TRANSFER_LIMIT = 2 ** 26;

/** A block device in a daemon (section 5.2): the disk and its requests. */
export class BlkDaemon extends DaemonDevice implements commands.BlkMedium {
  readonly profile: BlkProfile;
  readonly limits: BlkProfile['limits'];
  readonly readOnly: boolean;
  readonly disk = new Disk();
  capacity: number;

  constructor(profile: BlkProfile, kernel: KernelCalls) {
    super(profile, kernel);
    this.profile = profile;
    this.limits = profile.limits;
    this.readOnly = profile.readOnly;
    this.capacity = profile.limits.capacity;
  }

  /** The used length covers all writable bytes: data, zero-filled where there is none, and status. */
  execute(queue: DaemonQueue, buffer: DeviceBuffer): number {
    const writable = writableBytes(buffer);
    if (writable === 0) return 0;
    const { dma } = queue;
    const none: BlkRequest = { dma, buffer, type: -1, sector: 0, dataOut: 0, dataIn: writable - 1 };
    const request = reachable(() => parseRequest(dma, buffer), 'short' as const);
    if (request === 'short' || request === 'no-status') return this.finish(none, commands.IOERR);
    return this.finish(
      request,
      reachable(() => this.command(request), commands.IOERR),
    );
  }

  command(request: BlkRequest): commands.Outcome {
    switch (request.type) {
      case BLK_T.IN:
        return commands.readSectors(this, request);
      case BLK_T.OUT:
        return commands.writeSectors(this, request);
      case BLK_T.FLUSH:
        return commands.flush(this, request);
      case BLK_T.GET_ID:
        return commands.getId(this, request);
      case BLK_T.DISCARD:
        return commands.discard(this, request);
      case BLK_T.WRITE_ZEROES:
        return commands.writeZeroes(this, request);
      default:
        return commands.UNSUPP;
    }
  }

  /** Store status and zeroes for what is missing of the data (section 2.6.8.2). */
  finish({ dma, buffer, dataIn }: BlkRequest, { status, written }: commands.Outcome): number {
    storeWritable(dma, buffer, dataIn, Uint8Array.of(status));
    if (written === dataIn) return dataIn + 1;
    if (dataIn > this.transferLimit) return written;
    return reachable(() => {
      zeroWritable(dma, buffer, written, dataIn - written);
      return dataIn + 1;
    }, written);
  }

  transferFits(sector: number, length: number): boolean {
    return length % SECTOR === 0 && length <= this.transferLimit && this.inRange(sector, length / SECTOR);
  }
  inRange(sector: number, count: number): boolean {
    return sector <= this.capacity && count <= this.capacity - sector;
  }
  flagsKnown(flags: number, known: number): boolean {
    return (flags & ~known) === 0;
  }
  get transferLimit(): number {
    return Math.max(MIN_TRANSFER_LIMIT, this.limits.segMax * this.limits.sizeMax);
  }
  serial(): Uint8Array {
    return this.profile.serial;
  }
  /** Without FLUSH every write is stable (section 5.2.6.2); CONFIG_WCE does not exist in VDUSE. */
  writesThrough(): boolean {
    return !this.negotiated(BLK_F.FLUSH);
  }

  override configStored(): void {
    const { buffer, byteOffset } = this.config;
    const capacity = new DataView(buffer, byteOffset).getBigUint64(CAPACITY_AT, true);
    this.capacity = Math.min(MAX_CAPACITY, Number(capacity));
  }

  /** The pages of the disk leave as frames do. */
  override handOver(): void {
    const { stable, cache } = this.disk.give();
    for (const [number, page] of stable) this.kernel.frame(pageBytes(number, page), GIVEN.STABLE);
    for (const [number, page] of cache) this.kernel.frame(pageBytes(number, page), GIVEN.CACHE);
  }

  override powerCut(): void {
    this.disk.powerCut();
  }
}

/** What `work` returns, or `otherwise` when memory is out of reach. */
function reachable<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DmaFault)) throw error;
    return otherwise;
  }
}
