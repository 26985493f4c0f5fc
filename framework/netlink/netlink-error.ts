import { ERRNO } from '../device.ts';

/** Errno values that netlink answers with: those of the parent contract and what only the kernel's core says. */
export const NL_ERRNO = { ...ERRNO, ENODEV: 19, ERANGE: 34, EMSGSIZE: 90 } as const;

/** What an extended acknowledgement tells beyond the error number. */
export interface ExtendedAck {
  readonly text?: string;
  /** Offset of the attribute that is to blame, from the header of the request. */
  readonly offset?: number;
  /** The policy that it breaks, as attributes. */
  readonly policy?: Uint8Array;
}

/** A request is refused: a positive errno, and what the extended acknowledgement says. */
export class NetlinkError extends Error {
  readonly errno: number;
  readonly ack: ExtendedAck;
  constructor(errno: number, ack: ExtendedAck = {}) {
    super(ack.text ?? `errno ${errno}`);
    this.errno = errno;
    this.ack = ack;
  }
}
