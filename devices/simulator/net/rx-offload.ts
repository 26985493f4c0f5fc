import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import { ChecksumEngine } from './checksum-engine.ts';
import {
  checksumField,
  ETH_HEADER,
  type FrameLayout,
  hasCwr,
  headerBytes,
  parseFrame,
  VLAN_TAG,
} from './frame.ts';
import { GSO, HDR_F, type NetHeader, plainHeader } from './header.ts';
import type { NetDevice } from './net-device.ts';
import type { SentFrame } from './peer.ts';
import { Segmenter } from './segment.ts';

/** One packet as the driver will see it; `num_buffers` is filled in when it is stored. */
export interface Delivery {
  readonly header: NetHeader;
  readonly bytes: Uint8Array;
}

const GSO_TYPES = { none: GSO.NONE, tcpv4: GSO.TCPV4, tcpv6: GSO.TCPV6, udp: GSO.UDP } as const;

/** What reception needs to know of the device: what was negotiated, and what is on now. */
export type OffloadState = Pick<NetDevice, 'offloads' | 'rscExt' | 'mtuNegotiated' | 'mtu' | 'guestGso'>;

/** The feature that lets the driver receive super-frames of each type. */
const GUEST_FEATURE: Readonly<Record<number, bigint>> = {
  [GSO.TCPV4]: NET_F.GUEST_TSO4,
  [GSO.TCPV6]: NET_F.GUEST_TSO6,
  [GSO.UDP]: NET_F.GUEST_UFO,
};

/**
 * What a frame becomes on its way to the driver (section 5.1.6.4): partial checksums and super-frames go on
 * as they are where the driver takes them now, and are completed or cut where it does not.
 */
export class RxOffload {
  readonly device: OffloadState;
  readonly checksums = new ChecksumEngine();
  readonly segmenter = new Segmenter(this.checksums);
  /** Check complete checksums and set DATA_VALID for the good ones; otherwise the bit is never set. */
  dataValid = false;

  constructor(device: OffloadState) {
    this.device = device;
  }

  /** The packets that `sent` turns into: several when it is cut, none when it may not be passed on. */
  prepare(sent: SentFrame): Delivery[] {
    const { bytes, meta } = sent;
    const type = GSO_TYPES[meta?.gsoType ?? 'none'];
    const size = meta?.gsoSize ?? 0;
    const layout = parseFrame(bytes, bytes.length);
    if (type !== GSO.NONE && size > 0 && size <= 0xffff && this.segmenter.matches(layout, type)) {
      if (meta?.needsCsum !== true && !this.checksums.fullSumGood(bytes, layout, bytes.length)) return [];
      const ecn = meta?.ecn === true || hasCwr(bytes, layout);
      if (this.passesGso(type, ecn)) return [this.superFrame(sent, layout, type, ecn, size)];
      const pieces = this.cut(bytes, type, size);
      if (pieces !== null) return pieces.filter((one) => this.withinMtu(one)).map((one) => this.whole(one));
    }
    if (!this.withinMtu(bytes)) return [];
    return [meta?.needsCsum === true ? this.partial(sent, layout) : this.whole(bytes)];
  }

  cut(bytes: Uint8Array, type: number, size: number): Uint8Array[] | null {
    return this.segmenter.split(bytes, bytes.length, type, size);
  }

  /**
   * Whether the driver takes super-frames of a type now; NEEDS_CSUM must accompany them (5.1.6.4.1). With
   * RSC_EXT the checksum fields of any super-frame would hold TCP counts, so UDP ones are cut.
   */
  passesGso(type: number, ecn: boolean): boolean {
    if (this.device.rscExt && type === GSO.UDP) return false;
    return this.guestTakes(NET_F.GUEST_CSUM) && this.guestTakes(GUEST_FEATURE[type]) && this.passesEcn(ecn);
  }

  /** Whether the driver takes super-frames with CWR set, if this is one. */
  passesEcn(ecn: boolean): boolean {
    return !ecn || this.guestTakes(NET_F.GUEST_ECN);
  }

  /** Whether an offload is on: negotiated, and not switched off since. */
  guestTakes(feature: bigint): boolean {
    return (this.device.offloads & feature) !== 0n;
  }

  /** Without GSO a frame may not exceed the MTU by more than its link layer header (5.1.4.1). */
  withinMtu(bytes: Uint8Array): boolean {
    return !this.device.mtuNegotiated || bytes.length <= this.frameLimit(bytes);
  }

  /** Longest frame without GSO. */
  frameLimit(bytes: Uint8Array): number {
    const tagged = bytes[12] === 0x81 && bytes[13] === 0x00;
    return this.device.mtu + ETH_HEADER + (tagged ? VLAN_TAG : 0);
  }

  /** A frame with a complete checksum, right or wrong as it came. */
  whole(bytes: Uint8Array): Delivery {
    const header = plainHeader();
    const layout = this.dataValid || this.device.guestGso ? parseFrame(bytes, bytes.length) : null;
    header.flags = this.wholeFlags(bytes, layout);
    if (layout !== null) header.hdrLen = this.headerLength(layout);
    return { header, bytes };
  }

  /** Flags of a frame with a complete checksum. */
  wholeFlags(bytes: Uint8Array, layout: FrameLayout | null): number {
    if (layout === null || !this.dataValid || !this.guestTakes(NET_F.GUEST_CSUM)) return 0;
    return this.checksums.vouchesFor(bytes, layout) ? HDR_F.DATA_VALID : 0;
  }

  /** A frame whose checksum is still the pseudo header sum. */
  partial(sent: SentFrame, layout: FrameLayout): Delivery {
    const { bytes } = sent;
    const [start, offset] = this.sumPlace(sent, layout);
    if (!this.passesPartial(bytes, start, offset)) {
      this.checksums.complete(bytes, bytes.length, start, offset);
      return this.whole(bytes);
    }
    const header = plainHeader();
    header.flags = this.partialFlags();
    header.csumStart = this.csumStart(start);
    header.csumOffset = offset;
    if (this.device.guestGso) header.hdrLen = this.headerLength(layout);
    return { header, bytes };
  }

  passesPartial(bytes: Uint8Array, start: number, offset: number): boolean {
    return this.guestTakes(NET_F.GUEST_CSUM) && this.checksums.inRange(bytes.length, start, offset);
  }

  partialFlags(): number {
    return HDR_F.NEEDS_CSUM;
  }

  /** `csum_start` counts from the frame start, not from the header. */
  csumStart(start: number): number {
    return start;
  }

  /** A super-frame that the driver takes as it is. */
  superFrame(sent: SentFrame, layout: FrameLayout, type: number, ecn: boolean, size: number): Delivery {
    const { bytes } = sent;
    if (sent.meta?.needsCsum !== true) this.checksums.makePartial(bytes, layout, bytes.length);
    const [start, offset] = this.sumPlace(sent, layout);
    const header = plainHeader();
    header.flags = this.gsoFlags();
    header.gsoType = this.gsoType(type, ecn);
    header.hdrLen = this.headerLength(layout);
    header.gsoSize = this.gsoSize(size);
    header.csumStart = this.csumStart(start);
    header.csumOffset = offset;
    if (this.device.rscExt) this.addRscInfo(header, bytes.length - layout.payload, size);
    return { header, bytes };
  }

  /** GSO always comes with NEEDS_CSUM (5.1.6.4.1). */
  gsoFlags(): number {
    return HDR_F.NEEDS_CSUM;
  }

  gsoType(type: number, ecn: boolean): number {
    return ecn ? type | GSO.ECN : type;
  }

  gsoSize(size: number): number {
    return size;
  }

  /** `hdr_len`: all headers, the transport header included. */
  headerLength(layout: FrameLayout): number {
    return headerBytes(layout);
  }

  /** With RSC_EXT the checksum fields carry segment and duplicate ACK counts instead (5.1.6.4.1). */
  addRscInfo(header: NetHeader, payload: number, size: number): void {
    header.flags |= HDR_F.RSC_INFO;
    header.csumStart = this.segmenter.segmentCount(payload, size);
    header.csumOffset = 0;
  }

  /** Where the checksum is to be summed and stored: as the sender says, else as the headers say. */
  sumPlace(sent: SentFrame, layout: FrameLayout): [start: number, offset: number] {
    const field = checksumField(layout);
    const start = sent.meta?.csumStart ?? (field < 0 ? 0 : layout.l4);
    const offset = sent.meta?.csumOffset ?? (field < 0 ? 0 : field - layout.l4);
    return [start, offset];
  }
}
