import { type DevicePort, DmaFault } from '../../../framework/memory/host-memory.ts';
import type { DmaView } from '../../../framework/memory/iotlb.ts';
import type { DeviceBacking } from '../../../framework/parent.ts';
import { type DeviceBuffer, writableBytes } from '../../../framework/virtqueue/device/ring.ts';
import { BLK_F } from '../../../specs/virtio-1.1/features.ts';
import { storeWritable, zeroWritable } from '../buffer-io.ts';
import { SimulatorDevice } from '../core.ts';
import type { SimQueue } from '../queue.ts';
import { type BlkLimits, CAPACITY_AT, WRITEBACK_AT } from './blk-config.ts';
import * as commands from './commands.ts';
import { Disk, SECTOR } from './disk.ts';
import { type BlkProfile, MAX_CAPACITY } from './profile.ts';
import { BLK_S, BLK_T, type BlkRequest, parseRequest } from './request.ts';

/** Bytes that one request may move at least, however its segments are declared. */
const MIN_TRANSFER_LIMIT = 2 ** 26;

const STATUS_BYTE = new Uint8Array(1);

/** The simulated block device (section 5.2): one request queue and a disk. */
export class BlkDevice extends SimulatorDevice {
  declare readonly profile: BlkProfile;
  readonly limits: BlkLimits;
  /** Offered RO, negotiated or not (section 5.2.6.2). */
  readonly readOnly: boolean;
  readonly disk = new Disk();
  /** Sectors of the disk now; follows the configuration space. */
  capacity: number;

  constructor(profile: BlkProfile, port: DevicePort, name?: string) {
    super(profile, port, name);
    this.limits = profile.limits;
    this.readOnly = profile.readOnly;
    this.capacity = profile.limits.capacity;
  }

  // ── requests (section 5.2.6) ──────────────────────────────────────────────────────────────────
  /** Serve one request. The used length covers all writable bytes: data, zero-filled where there is none, and status. */
  execute(queue: SimQueue, buffer: DeviceBuffer): number {
    const dma = queue.bufferDma!;
    const request = this.parse(dma, buffer);
    if (request === 'no-status') return this.malformed(queue, buffer, 'request without a status byte');
    if (request === 'short') return this.shortRequest(queue, buffer);
    return this.finish(request, this.attempt(request));
  }

  /** Decode a request; a header that is out of reach counts as none. */
  parse(dma: DmaView, buffer: DeviceBuffer): BlkRequest | 'short' | 'no-status' {
    try {
      return parseRequest(dma, buffer);
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
      return 'short';
    }
  }

  /** Run a command; data that is out of reach makes it an I/O error. */
  attempt(request: BlkRequest): commands.Outcome {
    try {
      return this.command(request);
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
      return commands.IOERR;
    }
  }

  /** The command that `request` names; anything unknown is unsupported. */
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

  /**
   * Store what is missing of the data and the status byte, which is the last writable one. Returns the used
   * length: the data that a failed request did not produce is zeroed, so that every byte up to the status was
   * written (section 2.6.8.2). Where that is impossible nothing is claimed.
   */
  finish(request: BlkRequest, outcome: commands.Outcome): number {
    const { dma, buffer, dataIn } = request;
    this.storeStatus(request, outcome.status);
    if (outcome.written === dataIn) return dataIn + 1;
    if (dataIn > this.transferLimit) return outcome.written;
    try {
      zeroWritable(dma, buffer, outcome.written, dataIn - outcome.written);
      return dataIn + 1;
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
      return outcome.written;
    }
  }

  /** Store the status byte (section 5.2.6). */
  storeStatus(request: BlkRequest, status: number): void {
    STATUS_BYTE[0] = status;
    storeWritable(request.dma, request.buffer, request.dataIn, STATUS_BYTE);
  }

  /** A request without a whole header: an I/O error, said in the status byte. */
  shortRequest(queue: SimQueue, buffer: DeviceBuffer): number {
    const used = this.malformed(queue, buffer, 'request with less than a header');
    if (used < 0) return used;
    const dataIn = writableBytes(buffer) - 1;
    const request = { dma: queue.bufferDma!, buffer, type: -1, sector: 0, dataOut: 0, dataIn };
    return this.finish(request, { status: BLK_S.IOERR, written: 0 });
  }

  // ── limits ────────────────────────────────────────────────────────────────────────────────────
  /** Whether `length` bytes at `sector` are whole sectors of this disk, and not too many for one request. */
  transferFits(sector: number, length: number): boolean {
    return length % SECTOR === 0 && length <= this.transferLimit && this.inRange(sector, length / SECTOR);
  }

  /** Whether sectors `sector` to `sector + count` exist; both are below 2^64, so the sum cannot wrap round. */
  inRange(sector: number, count: number): boolean {
    return sector <= this.capacity && count <= this.capacity - sector;
  }

  /** Whether a segment has only flags that its command knows. */
  flagsKnown(flags: number, known: number): boolean {
    return (flags & ~known) === 0;
  }

  /** Most bytes that one request may move. */
  get transferLimit(): number {
    return Math.max(MIN_TRANSFER_LIMIT, this.limits.segMax * this.limits.sizeMax);
  }

  /** The answer to GET_ID. */
  serial(): Uint8Array {
    return this.profile.serial;
  }

  // ── cache mode (sections 5.2.5 and 5.2.6.2) ───────────────────────────────────────────────────
  /** Whether a write is to be stable when it completes. */
  writesThrough(): boolean {
    if (this.negotiated(BLK_F.CONFIG_WCE)) return this.config.bytes[WRITEBACK_AT] === 0;
    return !this.negotiated(BLK_F.FLUSH);
  }

  /** The driver may set `writeback` to 0 or 1 once it has negotiated CONFIG_WCE. */
  override acceptsConfigWrite(offset: number, value: number): boolean {
    return offset === WRITEBACK_AT && value <= 1 && this.negotiated(BLK_F.CONFIG_WCE);
  }

  /** CONFIG_WCE without FLUSH starts in writethrough mode (section 5.2.5.2). */
  override featuresAccepted(): void {
    if (this.negotiated(BLK_F.CONFIG_WCE) && !this.negotiated(BLK_F.FLUSH))
      this.config.storeByte(WRITEBACK_AT, 0);
  }

  override configChanged(offset: number, length: number): void {
    if (offset >= CAPACITY_AT + 8 || offset + length <= CAPACITY_AT) return;
    const { bytes } = this.config;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    this.capacity = Math.min(MAX_CAPACITY, Number(view.getBigUint64(CAPACITY_AT, true)));
  }

  override deviceReset(): void {
    this.config.storeByte(WRITEBACK_AT, this.profile.config[WRITEBACK_AT]);
  }

  // ── back end ──────────────────────────────────────────────────────────────────────────────────
  /** (ability `power-cut`) The power fails and comes back: the device is reset and the cache is lost. */
  powerCut(): void {
    this.reset();
    this.disk.powerCut();
  }

  /** The disk and its capacity. */
  backing(): DeviceBacking {
    return {
      disk: this.disk.give(),
      config: [[CAPACITY_AT, this.config.bytes.slice(CAPACITY_AT, CAPACITY_AT + 8)]],
    };
  }

  adopt({ disk, config }: DeviceBacking): void {
    if (disk !== undefined) this.disk.hold(disk);
    for (const [offset, bytes] of config) if (offset === CAPACITY_AT) this.changeConfig(offset, bytes);
  }

  /** Release everything; the pages of the disk serve other devices. */
  override free(): void {
    super.free();
    this.disk.dispose();
  }
}
