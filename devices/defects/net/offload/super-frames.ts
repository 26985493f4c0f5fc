import { GSO, HDR_F, writeHeader } from '../../../simulator/net/header.ts';
import type { Defect } from '../../defect.ts';
import { INVERTED, wrong } from '../wrong.ts';

/** Super-frames and RSC. */
export const NET_OFFLOAD_SUPER_FRAMES: readonly Defect[] = [
  wrong(
    'net-offload/gso-always',
    ['V1.1-5.1.6.4.1-D14'],
    'super-frames are delivered whatever was negotiated',
    'NT-10',
    ({ rx }) => {
      rx.offload.passesGso = () => true;
    },
  ),
  wrong(
    'net-offload/gso-ecn-on-plain',
    ['V1.1-5.1.6.4.1-D14'],
    'the ECN bit is set on packets without segmentation',
    INVERTED,
    ({ rx }) => {
      rx.writeHeader = (bytes, header) =>
        writeHeader(bytes, { ...header, gsoType: header.gsoType === GSO.NONE ? GSO.ECN : header.gsoType });
    },
  ),
  wrong(
    'net-offload/gso-type-unwritten',
    ['V1.1-5.1.6.4.1-D14'],
    'gso_type is whatever was in memory',
    INVERTED,
    ({ rx }) => {
      rx.writeHeader = (bytes, header) => writeHeader(bytes, { ...header, gsoType: header.gsoType || 0xa5 });
    },
  ),
  wrong(
    'net-offload/gso-without-needs-csum',
    ['V1.1-5.1.6.4.1-D15a'],
    'super-frames carry DATA_VALID instead of NEEDS_CSUM',
    INVERTED,
    ({ rx }) => {
      const { superFrame } = rx.offload;
      rx.offload.superFrame = (sent, layout, type, ecn, size) => {
        const delivery = superFrame.call(rx.offload, sent, layout, type, ecn, size);
        rx.offload.checksums.compute(delivery.bytes, layout, delivery.bytes.length);
        delivery.header.flags = HDR_F.DATA_VALID;
        return delivery;
      };
    },
  ),
  wrong(
    'net-offload/gso-size-zero',
    ['V1.1-5.1.6.4.1-D15b'],
    'gso_size of super-frames is 0',
    INVERTED,
    ({ rx }) => {
      rx.offload.gsoSize = () => 0;
    },
  ),
  wrong('net-offload/gso-size-be', ['V1.1-5.1.6.4.1-D15b'], 'gso_size is big-endian', INVERTED, ({ rx }) => {
    rx.offload.gsoSize = (size) => ((size & 0xff) << 8) | (size >> 8);
  }),
  wrong(
    'net-offload/rsc-counts-missing',
    ['V1.1-5.1.6.4.1-D16'],
    'RSC_INFO is set without counts in the checksum fields',
    INVERTED,
    ({ rx }) => {
      rx.offload.addRscInfo = (header) => {
        header.flags |= HDR_F.RSC_INFO;
      };
    },
    { options: { 'rsc-ext': 'yes' } },
  ),
  wrong(
    'net-offload/rsc-flag-missing',
    ['V1.1-5.1.6.4.1-D16'],
    'coalesced packets do not carry RSC_INFO',
    INVERTED,
    ({ rx }) => {
      rx.offload.addRscInfo = () => {};
    },
    { options: { 'rsc-ext': 'yes' } },
  ),
  wrong(
    'net-offload/rsc-info-always',
    ['V1.1-5.1.6.4.1-D17'],
    'RSC_INFO is set without RSC_EXT',
    INVERTED,
    ({ rx }) => {
      rx.offload.gsoFlags = () => HDR_F.NEEDS_CSUM | HDR_F.RSC_INFO;
    },
  ),
  wrong(
    'net-offload/rx-hdr-len-zero',
    ['V1.1-5.1.6.4.1-D18'],
    'hdr_len of super-frames is 0',
    INVERTED,
    ({ rx }) => {
      rx.offload.headerLength = () => 0;
    },
  ),
  wrong(
    'net-offload/rx-hdr-len-short',
    ['V1.1-5.1.6.4.1-D18'],
    'hdr_len leaves the transport header out',
    INVERTED,
    ({ rx }) => {
      rx.offload.headerLength = (layout) => Math.max(layout.l4, 0);
    },
  ),
];
