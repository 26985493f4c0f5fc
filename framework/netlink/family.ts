import type { AttributeWriter } from './attribute.ts';
import type { Policy } from './policy.ts';

/** `struct genlmsghdr`: command, version, two reserved bytes. */
export const GENL_HDRLEN = 4;

/** A request as a command of a family gets it. */
export interface GenlRequest {
  readonly command: number;
  /** Payloads by attribute number; checked against the policy of the family. */
  readonly attributes: ReadonlyMap<number, Uint8Array>;
  /** The sender may administer the network (CAP_NET_ADMIN). */
  readonly admin: boolean;
}

/** A message of a family: its command and attributes. */
export interface GenlReply {
  readonly command: number;
  readonly attributes: AttributeWriter;
}

/** One command of a family. A handler refuses by throwing `NetlinkError`. */
export interface GenlOp {
  readonly command: number;
  /** Only for senders that may administer the network. */
  readonly admin?: boolean;
  /** Answer one request; null when there is nothing to say beside the acknowledgement. `note` is text for it. */
  do?(request: GenlRequest, note: (text: string) => void): GenlReply | null;
  /** The entry at `index` of a dump, or null behind the last. A refusal ends the dump there. */
  dump?(index: number, request: GenlRequest): GenlReply | null;
}

/** A generic netlink family (`struct genl_family`). */
export interface GenlFamily {
  readonly id: number;
  readonly name: string;
  readonly version: number;
  readonly maxattr: number;
  readonly policy: Policy;
  /** Commands from here on have their headers checked strictly. */
  readonly reservedFrom: number;
  /** Unknown attributes are ignored and lengths checked loosely, as old families do. */
  readonly liberal?: boolean;
  readonly ops: readonly GenlOp[];
}
