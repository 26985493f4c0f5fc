import { DeviceAbsent, DeviceFailure } from '../../framework/device-failure.ts';
import { PeerClosedError, SystemError, TimeLimitError } from '../../framework/native/errors.ts';
import { closeFd, waitReadable } from '../../framework/native/fd.ts';
import { isWorking, processorMs } from '../../framework/native/process-state.ts';
import { connectUnix, peerPid, receiveMessage, sendMessage } from '../../framework/native/socket.ts';
import { decodeHeader, encode, FLAG, HEADER, REQUEST, type RequestName } from './messages.ts';

/** Milliseconds that a back end may take over one answer. */
export const ANSWER_MS = 4000;
/** A process that wants to run may be kept from it for so long by others. */
const STARVED_MS = 30_000;
/** One that used so much processor time on one answer hangs. */
const BUSY_MS = 1500;
/** Milliseconds in which it must be there: it may be just starting, or still busy with the last connection. */
export const CONNECT_MS = 3000;
/** The same where nobody was there last time. */
const DESERTED_MS = 50;
/** Between two attempts to connect. */
const RETRY_MS = 5;

/** Sockets at which nobody answered last time: there the next attempt is a short one. */
const deserted = new Set<string>();

/** There is nobody at the socket. */
function nobody(path: string, why: string): DeviceAbsent {
  deserted.add(path);
  return new DeviceAbsent(
    `nobody answers at ${path}: ${why}`,
    'start the back end first, so that it listens on the socket',
  );
}

/** The back end has closed the connection: it has died, or it gives this session up. */
export class ConnectionLost extends DeviceFailure {
  constructor(last: string) {
    super('DEVICE_DIED', `the back end closed the connection; the last message to it was ${last}`);
  }
}

/**
 * A front end's connection to a back end: messages out, replies in, each with its limit. A back end that closes
 * the connection has died as far as a front end can tell; one that does not answer hangs.
 */
export class Connection {
  readonly path: string;
  /** Called when an answer does not come in time. */
  onHang: (() => void) | null = null;
  readonly #fd: number;
  readonly #pid: number;
  #open = true;
  #last = 'nothing';

  /** @throws DeviceAbsent when nobody listens within {@link CONNECT_MS} */
  constructor(path: string) {
    this.path = path;
    const end = performance.now() + (deserted.has(path) ? DESERTED_MS : CONNECT_MS);
    for (;;) {
      try {
        this.#fd = connectUnix(path, Math.max(1, end - performance.now()));
        deserted.delete(path);
        this.#pid = peerPid(this.#fd);
        return;
      } catch (error) {
        const why = error as Error;
        const soon = error instanceof SystemError && /^(?:ENOENT|ECONNREFUSED)$/.test(error.code);
        if (!soon || performance.now() > end) throw nobody(path, why.message);
        waitReadable(-1, RETRY_MS);
      }
    }
  }

  get fd(): number {
    return this.#fd;
  }

  /** Send a message that has no reply. */
  send(request: RequestName, payload: Uint8Array, fds: readonly number[] = [], flags = 0): void {
    this.#last = request;
    this.#guard(request, () =>
      sendMessage(this.#fd, encode(REQUEST[request], flags, payload), fds, ANSWER_MS),
    );
  }

  /** Send a message and return the payload of its reply. */
  ask(request: RequestName, payload: Uint8Array = new Uint8Array(0), limit = ANSWER_MS): Uint8Array {
    this.send(request, payload);
    return this.#reply(request, limit);
  }

  /** Send a message with NEED_REPLY. Returns whether the back end says that it was carried out. */
  acknowledged(request: RequestName, payload: Uint8Array, fds: readonly number[] = []): boolean {
    this.send(request, payload, fds, FLAG.NEED_REPLY);
    const reply = this.#reply(request, ANSWER_MS);
    return reply.length >= 8 && reply.subarray(0, 8).every((byte) => byte === 0);
  }

  /** The failure that tells that the connection is gone. */
  lost(): ConnectionLost {
    return new ConnectionLost(this.#last);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeFd(this.#fd);
  }

  #reply(request: RequestName, limit: number): Uint8Array {
    return this.#guard(request, () => {
      const { request: got, size, flags } = decodeHeader(this.#read(HEADER, limit));
      const payload = size > 0 ? this.#read(size, limit) : new Uint8Array(0);
      if (got !== REQUEST[request] || (flags & FLAG.REPLY) === 0)
        throw new DeviceFailure(
          'DEVICE_DIED',
          `the back end answered ${request} with message ${got}, flags 0x${flags.toString(16)}`,
        );
      return payload;
    });
  }

  #read(size: number, limit: number): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      const part = this.#patiently(() => receiveMessage(this.#fd, size - at, limit));
      for (const fd of part.fds) closeFd(fd);
      bytes.set(part.bytes, at);
      at += part.bytes.length;
    }
    return bytes;
  }

  /** Wait again where the machine is busy elsewhere: the process wants to run, and was hardly let. */
  #patiently<T>(receive: () => T): T {
    const before = processorMs(this.#pid);
    const end = performance.now() + STARVED_MS;
    for (;;) {
      try {
        return receive();
      } catch (error) {
        if (!(error instanceof TimeLimitError) || performance.now() > end) throw error;
        if (processorMs(this.#pid) - before >= BUSY_MS || !isWorking(this.#pid)) throw error;
      }
    }
  }

  #guard<T>(request: string, exchange: () => T): T {
    try {
      return exchange();
    } catch (error) {
      if (error instanceof PeerClosedError) throw this.lost();
      if (!(error instanceof TimeLimitError)) throw error;
      this.onHang?.();
      throw new DeviceFailure(
        'DEVICE_HUNG',
        `the back end gives no answer to ${request} within ${error.ms} ms`,
      );
    }
  }
}
