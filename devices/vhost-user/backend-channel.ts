import { PeerClosedError, TimeLimitError } from '../../framework/native/errors.ts';
import { closeFd, waitReadable } from '../../framework/native/fd.ts';
import { receiveMessage, sendMessage, socketPair } from '../../framework/native/socket.ts';
import { BACKEND_REQUEST, decodeHeader, encode, FLAG, HEADER, u64 } from './messages.ts';

/** Milliseconds for the rest of a message whose beginning is there. */
const REST_MS = 1000;

/** The way back: messages that the back end sends of its own accord. */
export class BackendChannel {
  readonly fd: number;
  readonly #theirs: number;
  #open = true;

  constructor() {
    const { ours, theirs } = socketPair();
    this.fd = ours;
    this.#theirs = theirs;
  }

  /** Give the other end to `send`, which passes it on. */
  handOver(send: (fd: number) => void): void {
    try {
      send(this.#theirs);
    } finally {
      closeFd(this.#theirs);
    }
  }

  /** Take every message that is there; `onConfigChange` is called for each that tells a configuration change. */
  drain(onConfigChange: () => void): boolean {
    let any = false;
    while (this.#open && waitReadable(this.fd, 0)) {
      try {
        const { request, flags, size } = decodeHeader(this.#read(HEADER));
        if (size > 0) this.#read(size);
        any = true;
        if (request === BACKEND_REQUEST.CONFIG_CHANGE) onConfigChange();
        if ((flags & FLAG.NEED_REPLY) !== 0) {
          const done = request === BACKEND_REQUEST.CONFIG_CHANGE ? 0n : 1n;
          sendMessage(this.fd, encode(request, FLAG.REPLY, u64(done)), [], REST_MS);
        }
      } catch (error) {
        if (error instanceof PeerClosedError || error instanceof TimeLimitError) this.close();
        else throw error;
      }
    }
    return any;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeFd(this.fd);
  }

  #read(size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      const part = receiveMessage(this.fd, size - at, REST_MS);
      for (const fd of part.fds) closeFd(fd);
      bytes.set(part.bytes, at);
      at += part.bytes.length;
    }
    return bytes;
  }
}
