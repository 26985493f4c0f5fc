import { DeviceFailure } from '../../framework/device-failure.ts';
import { peerPid } from '../../framework/native/socket.ts';
import { isPoller } from './activity.ts';
import { BackendChannel } from './backend-channel.ts';
import { Connection } from './connection.ts';
import {
  asU64,
  asVringState,
  configPayload,
  F_LOG_ALL,
  F_PROTOCOL_FEATURES,
  MAX_CONFIG,
  type MemoryRegion,
  memoryTable,
  PROTOCOL,
  type ProtocolFeature,
  type RequestName,
  u64,
  vringAddress,
  vringFd,
  vringState,
} from './messages.ts';

/** Protocol features that this front end can use. */
const WANTED: readonly ProtocolFeature[] = [
  'MQ',
  'REPLY_ACK',
  'BACKEND_REQ',
  'CONFIG',
  'RESET_DEVICE',
  'STATUS',
];

const bit = (feature: ProtocolFeature): bigint => 1n << BigInt(PROTOCOL[feature]);

/** A back end after the handshake: one method for each thing that it can be asked or told. */
export class BackEnd {
  readonly connection: Connection;
  /** Device features offered, without the bits that vhost-user adds. */
  readonly features: bigint;
  /** Queues (for a network device: pairs of them) that it says it has; 1 when it cannot tell. */
  readonly queueNum: number;
  readonly channel: BackendChannel | null;
  /** Process behind the socket. */
  readonly pid: number;
  readonly #offered: bigint;
  readonly #protocol: bigint;

  /** Connect to `path`; `onHang` is called when an answer does not come in time. */
  constructor(path: string, onHang: (() => void) | null = null) {
    this.connection = new Connection(path);
    this.connection.onHang = onHang;
    try {
      this.#offered = asU64(this.#answer('GET_FEATURES', 8));
      this.features = this.#offered & ~F_PROTOCOL_FEATURES & ~F_LOG_ALL;
      this.#protocol = this.#negotiate();
      this.connection.send('SET_OWNER', new Uint8Array(0));
      this.queueNum = this.has('MQ') ? Number(asU64(this.#answer('GET_QUEUE_NUM', 8))) : 1;
      this.pid = peerPid(this.connection.fd);
      isPoller(this.pid);
      this.channel = this.has('BACKEND_REQ') ? this.#openChannel() : null;
    } catch (error) {
      this.connection.close();
      throw error;
    }
  }

  /** Whether a protocol feature is in force. */
  has(feature: ProtocolFeature): boolean {
    return (this.#protocol & bit(feature)) !== 0n;
  }

  /** Whether queues start disabled and SET_VRING_ENABLE is understood. */
  get enables(): boolean {
    return (this.#offered & F_PROTOCOL_FEATURES) !== 0n;
  }

  /** A round trip: the back end runs. */
  ping(): void {
    this.#answer('GET_FEATURES', 8);
  }

  setFeatures(features: bigint): boolean {
    return this.#tell('SET_FEATURES', u64(features | (this.#offered & F_PROTOCOL_FEATURES)));
  }

  setMemory(fd: number, regions: readonly MemoryRegion[]): boolean {
    return this.#tell(
      'SET_MEM_TABLE',
      memoryTable(regions),
      regions.map(() => fd),
    );
  }

  setNum(index: number, num: number): boolean {
    return this.#tell('SET_VRING_NUM', vringState(index, num));
  }

  setBase(index: number, base: number): boolean {
    return this.#tell('SET_VRING_BASE', vringState(index, base));
  }

  setAddress(index: number, desc: bigint, driver: bigint, device: bigint): boolean {
    return this.#tell('SET_VRING_ADDR', vringAddress(index, desc, device, driver));
  }

  setFd(request: 'SET_VRING_KICK' | 'SET_VRING_CALL' | 'SET_VRING_ERR', index: number, fd: number): boolean {
    return this.#tell(request, vringFd(index), [fd]);
  }

  enable(index: number, on: boolean): boolean {
    return !this.enables || this.#tell('SET_VRING_ENABLE', vringState(index, on ? 1 : 0));
  }

  /** Stop a queue. Returns where it stands. */
  stop(index: number): number {
    return asVringState(this.#answerTo('GET_VRING_BASE', vringState(index, 0), 8)).num;
  }

  /** Configuration bytes, or null when the back end does not give them. */
  config(offset: number, size: number): Uint8Array | null {
    if (!this.has('CONFIG') || offset + size > MAX_CONFIG) return null;
    const reply = this.connection.ask('GET_CONFIG', configPayload(offset, new Uint8Array(size)));
    return reply.length < 12 + size ? null : reply.slice(12, 12 + size);
  }

  setConfig(offset: number, bytes: Uint8Array): boolean {
    return this.has('CONFIG') && this.#tell('SET_CONFIG', configPayload(offset, bytes));
  }

  get status(): number {
    return Number(asU64(this.#answer('GET_STATUS', 8)) & 0xffn);
  }

  setStatus(status: number): void {
    this.#tell('SET_STATUS', u64(BigInt(status)));
  }

  /** Whether the back end can be told to reset the device. */
  get resets(): boolean {
    return this.has('STATUS') || this.has('RESET_DEVICE');
  }

  /** Reset the device where the back end can be told to. */
  reset(): void {
    if (this.has('STATUS')) this.setStatus(0);
    else if (this.has('RESET_DEVICE')) this.#tell('RESET_DEVICE', new Uint8Array(0));
  }

  dispose(): void {
    this.channel?.close();
    this.connection.close();
  }

  #negotiate(): bigint {
    if (!this.enables) return 0n;
    const offered = asU64(this.#answer('GET_PROTOCOL_FEATURES', 8));
    const accepted = offered & WANTED.map(bit).reduce((a, b) => a | b, 0n);
    this.connection.send('SET_PROTOCOL_FEATURES', u64(accepted));
    return accepted;
  }

  #openChannel(): BackendChannel {
    const channel = new BackendChannel();
    channel.handOver((fd) => this.#tell('SET_BACKEND_REQ_FD', new Uint8Array(0), [fd]));
    return channel;
  }

  /** Send a message that changes something. Returns false when the back end says that it did not do it. */
  #tell(request: RequestName, payload: Uint8Array, fds: readonly number[] = []): boolean {
    if (this.has('REPLY_ACK')) return this.connection.acknowledged(request, payload, fds);
    this.connection.send(request, payload, fds);
    return true;
  }

  #answer(request: RequestName, size: number): Uint8Array {
    return this.#answerTo(request, new Uint8Array(0), size);
  }

  #answerTo(request: RequestName, payload: Uint8Array, size: number): Uint8Array {
    const reply = this.connection.ask(request, payload);
    if (reply.length < size)
      throw new DeviceFailure(
        'DEVICE_DIED',
        `the back end answered ${request} with ${reply.length} bytes, not ${size}`,
      );
    return reply;
  }
}
