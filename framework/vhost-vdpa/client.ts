import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { Iova, Perm, VdpaIovaRange, VqState } from '../device.ts';
import { encodeMessage } from './iotlb-message.ts';
import { CONFIG_HEADER, IOCTL, IOTLB, UNBIND } from './uapi.ts';

/** An open node as a client needs it: ours, or a file descriptor of a real one. Results are 0 or -errno. */
export interface NodeHandle {
  ioctl(command: number, argument?: Uint8Array): number;
  write(message: Uint8Array): number;
  close(): void;
}

/** What the driver decided about the ring format; it decides how queue positions are packed into 32 bits. */
export type RingFormat = 'split' | 'packed';

/**
 * A typed face of the vhost-vdpa uAPI. Every method is one ioctl or one IOTLB message and returns what it told:
 * a value, or 0, or a negative errno.
 */
export class VhostVdpaClient {
  readonly #node: NodeHandle;
  readonly #bytes = new Uint8Array(40);
  readonly #view = new DataView(this.#bytes.buffer);

  constructor(node: NodeHandle) {
    this.#node = node;
  }

  // ── device ────────────────────────────────────────────────────────────────────────────────────
  setOwner(): number {
    return this.#node.ioctl(IOCTL.SET_OWNER);
  }
  deviceId(): number {
    return this.#get32(IOCTL.GET_DEVICE_ID);
  }
  queueCount(): number {
    return this.#get32(IOCTL.GET_VQS_COUNT);
  }
  groupCount(): number {
    return this.#get32(IOCTL.GET_GROUP_NUM);
  }
  spaceCount(): number {
    return this.#get32(IOCTL.GET_AS_NUM);
  }
  configSize(): number {
    return this.#get32(IOCTL.GET_CONFIG_SIZE);
  }
  /** Largest queue size. */
  vringNum(): number {
    const error = this.#node.ioctl(IOCTL.GET_VRING_NUM, this.#bytes);
    return error < 0 ? error : this.#view.getUint16(0, true);
  }
  iovaRange(): VdpaIovaRange | number {
    const error = this.#node.ioctl(IOCTL.GET_IOVA_RANGE, this.#bytes);
    if (error < 0) return error;
    return {
      first: Number(this.#view.getBigUint64(0, true)),
      last: Number(this.#view.getBigUint64(8, true)),
    };
  }
  features(): bigint {
    return this.#get64(IOCTL.GET_FEATURES);
  }
  setFeatures(features: bigint): number {
    return this.#set64(IOCTL.SET_FEATURES, features);
  }
  backendFeatures(): bigint {
    return this.#get64(IOCTL.GET_BACKEND_FEATURES);
  }
  setBackendFeatures(features: bigint): number {
    return this.#set64(IOCTL.SET_BACKEND_FEATURES, features);
  }
  status(): number {
    const error = this.#node.ioctl(IOCTL.GET_STATUS, this.#bytes);
    return error < 0 ? error : this.#bytes[0];
  }
  setStatus(status: number): number {
    this.#bytes[0] = status;
    return this.#node.ioctl(IOCTL.SET_STATUS, this.#bytes);
  }
  /** Set further status bits, keeping those that are set. */
  addStatus(bits: number): number {
    return this.setStatus(this.status() | bits);
  }
  reset(): number {
    return this.setStatus(0);
  }
  /** Whether the device runs: DRIVER_OK, and no need of a reset. */
  runs(): boolean {
    return (this.status() & (STATUS.DRIVER_OK | STATUS.DEVICE_NEEDS_RESET)) === STATUS.DRIVER_OK;
  }
  /** Fill `into` with configuration bytes from `offset` on. */
  readConfig(offset: number, into: Uint8Array): number {
    const argument = this.#config(offset, into.length);
    const error = this.#node.ioctl(IOCTL.GET_CONFIG, argument);
    if (error >= 0) into.set(argument.subarray(CONFIG_HEADER));
    return error;
  }
  writeConfig(offset: number, bytes: Uint8Array): number {
    const argument = this.#config(offset, bytes.length);
    argument.set(bytes, CONFIG_HEADER);
    return this.#node.ioctl(IOCTL.SET_CONFIG, argument);
  }
  /** Signal configuration changes through eventfd `fd`; -1 for none. */
  setConfigCall(fd: number = UNBIND): number {
    this.#view.setInt32(0, fd, true);
    return this.#node.ioctl(IOCTL.SET_CONFIG_CALL, this.#bytes);
  }
  suspend(): number {
    return this.#node.ioctl(IOCTL.SUSPEND);
  }
  resume(): number {
    return this.#node.ioctl(IOCTL.RESUME);
  }
  /** The device is reset, and everything that the process gave it is taken away. */
  close(): void {
    this.#node.close();
  }

  // ── queues ────────────────────────────────────────────────────────────────────────────────────
  setNum(idx: number, num: number): number {
    return this.#state(IOCTL.SET_VRING_NUM, idx, num);
  }
  /** The three areas of a queue, by IOVA. */
  setAddress(idx: number, desc: Iova, avail: Iova, used: Iova): number {
    const view = this.#view;
    view.setUint32(0, idx, true);
    view.setUint32(4, 0, true);
    view.setBigUint64(8, BigInt(desc), true);
    view.setBigUint64(16, BigInt(used), true);
    view.setBigUint64(24, BigInt(avail), true);
    view.setBigUint64(32, 0n, true);
    return this.#node.ioctl(IOCTL.SET_VRING_ADDR, this.#bytes);
  }
  setBase(idx: number, state: VqState, format: RingFormat): number {
    const { lastAvailIdx, lastAvailCounter, lastUsedIdx, lastUsedCounter } = state.packed;
    const packed =
      lastAvailIdx + lastAvailCounter * 0x8000 + (lastUsedIdx + lastUsedCounter * 0x8000) * 0x1_0000;
    return this.#state(IOCTL.SET_VRING_BASE, idx, format === 'packed' ? packed : state.split.availIndex);
  }
  /** Fill that half of `state` which the format uses. */
  base(idx: number, state: VqState, format: RingFormat): number {
    const error = this.#state(IOCTL.GET_VRING_BASE, idx, 0);
    if (error < 0) return error;
    const avail = this.#view.getUint16(4, true);
    const used = this.#view.getUint16(6, true);
    if (format === 'split') state.split.availIndex = avail;
    else
      state.packed = {
        lastAvailIdx: avail & 0x7fff,
        lastAvailCounter: avail >>> 15,
        lastUsedIdx: used & 0x7fff,
        lastUsedCounter: used >>> 15,
      };
    return 0;
  }
  /** Kick through eventfd `fd`; -1 for none. */
  setKick(idx: number, fd: number = UNBIND): number {
    return this.#state(IOCTL.SET_VRING_KICK, idx, fd);
  }
  /** Be notified of used buffers through eventfd `fd`; -1 for none. */
  setCall(idx: number, fd: number = UNBIND): number {
    return this.#state(IOCTL.SET_VRING_CALL, idx, fd);
  }
  enable(idx: number, on: boolean): number {
    return this.#state(IOCTL.SET_VRING_ENABLE, idx, on ? 1 : 0);
  }
  group(idx: number): number {
    return this.#ask(IOCTL.GET_VRING_GROUP, idx);
  }
  descGroup(idx: number): number {
    return this.#ask(IOCTL.GET_VRING_DESC_GROUP, idx);
  }
  size(idx: number): number {
    return this.#ask(IOCTL.GET_VRING_SIZE, idx);
  }
  setGroupAsid(group: number, asid: number): number {
    return this.#state(IOCTL.SET_GROUP_ASID, group, asid);
  }

  // ── memory ────────────────────────────────────────────────────────────────────────────────────
  /** Map `size` bytes of the process at `uaddr` for the device at `iova`. */
  map(asid: number, iova: Iova, size: number, uaddr: number, perm: Perm): number {
    return this.#message(asid, IOTLB.UPDATE, iova, size, uaddr, perm);
  }
  /** Unmap every mapping that touches the range. */
  unmap(asid: number, iova: Iova, size: number): number {
    return this.#message(asid, IOTLB.INVALIDATE, iova, size);
  }
  /** What follows until {@link endBatch} reaches a parent with `setMap` in one go. */
  beginBatch(asid: number): number {
    return this.#message(asid, IOTLB.BATCH_BEGIN, 0, 0);
  }
  endBatch(asid: number): number {
    return this.#message(asid, IOTLB.BATCH_END, 0, 0);
  }

  #message(asid: number, type: number, iova: Iova, size: number, uaddr = 0, perm = 0): number {
    const message = { asid, type, iova: BigInt(iova), size: BigInt(size), uaddr: BigInt(uaddr), perm };
    const written = this.#node.write(encodeMessage(message));
    return written < 0 ? written : 0;
  }

  #config(offset: number, length: number): Uint8Array {
    const argument = new Uint8Array(CONFIG_HEADER + length);
    const view = new DataView(argument.buffer);
    view.setUint32(0, offset, true);
    view.setUint32(4, length, true);
    return argument;
  }

  #state(command: number, index: number, num: number): number {
    this.#view.setUint32(0, index, true);
    this.#view.setUint32(4, num, true);
    return this.#node.ioctl(command, this.#bytes);
  }

  #ask(command: number, index: number): number {
    const error = this.#state(command, index, 0);
    return error < 0 ? error : this.#view.getUint32(4, true);
  }

  #get32(command: number): number {
    const error = this.#node.ioctl(command, this.#bytes);
    return error < 0 ? error : this.#view.getUint32(0, true);
  }

  #get64(command: number): bigint {
    const error = this.#node.ioctl(command, this.#bytes);
    return error < 0 ? BigInt(error) : this.#view.getBigUint64(0, true);
  }

  #set64(command: number, value: bigint): number {
    this.#view.setBigUint64(0, value, true);
    return this.#node.ioctl(command, this.#bytes);
  }
}
