import { word } from './checksum.ts';

export const ETH_HEADER = 14;
export const VLAN_TAG = 4;
export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_VLAN = 0x8100;
export const PROTO_TCP = 6;
export const PROTO_UDP = 17;
export const TCP_FIN = 0x01;
export const TCP_PSH = 0x08;
export const TCP_CWR = 0x80;

/** Where the headers of a frame are; offsets count from the frame start, -1 means that there is no such header. */
export interface FrameLayout {
  /** VLAN id of an outer 802.1Q tag, or -1. */
  vlan: number;
  /** Ethernet type behind the tag. */
  ethertype: number;
  /** Offset of the IP header. */
  l3: number;
  /** 4, 6, or 0 when the frame is no well-formed IP packet. */
  ip: 0 | 4 | 6;
  /** Protocol behind the IP header and its extensions. */
  protocol: number;
  /** Offset of the transport header; present also for protocols other than TCP and UDP. */
  l4: number;
  /** End of the IP packet: padding behind it does not belong to the payload. */
  end: number;
  /** Offset of the TCP or UDP payload; -1 when the transport header is cut short or malformed. */
  payload: number;
  /** Part of a fragmented datagram. */
  fragment: boolean;
}

/** Find the headers in the first `length` bytes. Never throws and never looks beyond `length`. */
export function parseFrame(bytes: Uint8Array, length: number): FrameLayout {
  const layout: FrameLayout = {
    vlan: -1,
    ethertype: -1,
    l3: -1,
    ip: 0,
    protocol: -1,
    l4: -1,
    end: length,
    payload: -1,
    fragment: false,
  };
  if (length < ETH_HEADER) return layout;
  let l3 = ETH_HEADER;
  layout.ethertype = word(bytes, 12);
  if (layout.ethertype === ETHERTYPE_VLAN && length >= ETH_HEADER + VLAN_TAG) {
    layout.vlan = word(bytes, 14) & 0x0fff;
    layout.ethertype = word(bytes, 16);
    l3 += VLAN_TAG;
  }
  layout.l3 = l3;
  if (layout.ethertype === ETHERTYPE_IPV4) parseIpv4(bytes, length, layout);
  else if (layout.ethertype === ETHERTYPE_IPV6) parseIpv6(bytes, length, layout);
  if (layout.l4 >= 0 && !layout.fragment) parseTransport(bytes, layout);
  return layout;
}

function parseIpv4(bytes: Uint8Array, length: number, layout: FrameLayout): void {
  const { l3 } = layout;
  if (length < l3 + 20 || bytes[l3] >> 4 !== 4) return;
  const header = (bytes[l3] & 0x0f) * 4;
  if (header < 20 || l3 + header > length) return;
  layout.ip = 4;
  layout.protocol = bytes[l3 + 9];
  layout.l4 = l3 + header;
  layout.fragment = (word(bytes, l3 + 6) & 0x3fff) !== 0;
  const total = word(bytes, l3 + 2);
  // A total length of 0 or beyond the frame is left to the sender; the frame itself bounds the packet.
  if (total >= header) layout.end = Math.min(length, l3 + total);
}

function parseIpv6(bytes: Uint8Array, length: number, layout: FrameLayout): void {
  const { l3 } = layout;
  if (length < l3 + 40 || bytes[l3] >> 4 !== 6) return;
  layout.ip = 6;
  const payload = word(bytes, l3 + 4);
  if (payload > 0) layout.end = Math.min(length, l3 + 40 + payload);
  let next = bytes[l3 + 6];
  let at = l3 + 40;
  // Hop-by-hop options, routing, fragment and destination options may precede the transport header.
  for (let hops = 0; hops < 8 && (next === 0 || next === 43 || next === 44 || next === 60); hops++) {
    if (at + 8 > layout.end) return;
    if (next === 44 && (word(bytes, at + 2) & 0xfff9) !== 0) layout.fragment = true;
    const size = next === 44 ? 8 : (bytes[at + 1] + 1) * 8;
    next = bytes[at];
    at += size;
  }
  if (at > layout.end) return;
  layout.protocol = next;
  layout.l4 = at;
}

function parseTransport(bytes: Uint8Array, layout: FrameLayout): void {
  const { l4, end } = layout;
  if (layout.protocol === PROTO_TCP && l4 + 20 <= end) {
    const header = (bytes[l4 + 12] >> 4) * 4;
    if (header >= 20 && l4 + header <= end) layout.payload = l4 + header;
  } else if (layout.protocol === PROTO_UDP && l4 + 8 <= end) {
    layout.payload = l4 + 8;
  }
}

/** Offset of the checksum field of the transport header, or -1. */
export function checksumField(layout: FrameLayout): number {
  if (layout.payload < 0) return -1;
  return layout.l4 + (layout.protocol === PROTO_TCP ? 16 : 6);
}

/** Whether the TCP header asks for CWR handling (what Linux and the ECN bit of the header mean). */
export function hasCwr(bytes: Uint8Array, layout: FrameLayout): boolean {
  return layout.protocol === PROTO_TCP && layout.payload >= 0 && (bytes[layout.l4 + 13] & TCP_CWR) !== 0;
}

/** Bytes of all headers that were found: up to the payload where there is one. */
export function headerBytes(layout: FrameLayout): number {
  if (layout.payload >= 0) return layout.payload;
  return Math.max(layout.l4, layout.l3, 0);
}
