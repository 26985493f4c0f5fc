import { NET_HEADER } from './header.ts';
import { MAX_FRAME } from './peer.ts';

let shared: Uint8Array | null = null;

/**
 * Room for one header and the longest frame, made when first used and shared by all devices: calls are
 * synchronous, and nothing is kept in it from one buffer to the next.
 */
export function scratch(): Uint8Array {
  shared ??= new Uint8Array(NET_HEADER + MAX_FRAME);
  return shared;
}
