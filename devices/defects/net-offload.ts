import { NET_F } from '../../specs/virtio-1.1/features.ts';
import { checksumField, parseFrame } from '../simulator/net/frame.ts';
import { GSO, HDR_F, writeHeader } from '../simulator/net/header.ts';
import type { NetDevice } from '../simulator/net/net-device.ts';
import type { Delivery, RxOffload } from '../simulator/net/rx-offload.ts';
import type { Defect } from './defect.ts';
import { wrong } from './net-transmit.ts';

const INVERTED = 'text inverted';
const CHECKS = { options: { 'data-valid': 'yes' } };

/** Change every packet with a partial checksum, super-frames included. */
function onPartial(offload: RxOffload, change: (delivery: Delivery) => void): void {
  const { partial, superFrame } = offload;
  const changed = (delivery: Delivery) => {
    if ((delivery.header.flags & HDR_F.NEEDS_CSUM) !== 0) change(delivery);
    return delivery;
  };
  offload.partial = (sent, layout) => changed(partial.call(offload, sent, layout));
  offload.superFrame = (sent, layout, type, ecn, size) =>
    changed(superFrame.call(offload, sent, layout, type, ecn, size));
}

/** The place of the partial checksum in a packet. */
const fieldOf = ({ header }: Delivery) => header.csumStart + header.csumOffset;

function setField(delivery: Delivery, value: number): void {
  delivery.bytes[fieldOf(delivery)] = value >> 8;
  delivery.bytes[fieldOf(delivery) + 1] = value;
}

const takesAnyTso = (device: NetDevice) =>
  (device.offloads & (NET_F.GUEST_TSO4 | NET_F.GUEST_TSO6 | NET_F.GUEST_UFO)) !== 0n;

/** Wrong receive offloads (section 5.1.6.4.1). */
export const NET_OFFLOAD_DEFECTS: readonly Defect[] = [
  wrong(
    'net-offload/data-valid-always',
    ['V1.1-5.1.6.4.1-D5a', 'V1.1-5.1.6.4.1-D19b'],
    'DATA_VALID is set on every packet',
    'seen in a public vhost-user back end',
    ({ rx }) => {
      rx.offload.wholeFlags = () => HDR_F.DATA_VALID;
    },
  ),
  wrong(
    'net-offload/csum-switch-mixed-up',
    ['V1.1-5.1.6.4.1-D5a'],
    'offloads of the last session stay in force',
    'FE-13: CSUM and GUEST_CSUM mixed up',
    (device) => {
      const { initialOffloads } = device;
      let before = 0n;
      device.initialOffloads = () => {
        before |= initialOffloads.call(device);
        return before;
      };
      device.rx.offload.wholeFlags = () =>
        device.rx.offload.guestTakes(NET_F.GUEST_CSUM) ? HDR_F.DATA_VALID : 0;
    },
  ),
  wrong(
    'net-offload/partial-passed-without-guest-csum',
    ['V1.1-5.1.6.4.1-D5a'],
    'NEEDS_CSUM of the far side is passed on, whatever was negotiated',
    INVERTED,
    ({ rx }) => {
      rx.offload.passesPartial = () => true;
    },
  ),
  wrong(
    'net-offload/partial-left-alone',
    ['V1.1-5.1.6.4.1-D5b'],
    'partial checksums are delivered as complete ones',
    INVERTED,
    ({ rx }) => {
      const { offload } = rx;
      const { partial } = offload;
      offload.partial = (sent, layout) =>
        offload.guestTakes(NET_F.GUEST_CSUM)
          ? partial.call(offload, sent, layout)
          : offload.whole(sent.bytes);
    },
  ),
  wrong(
    'net-offload/dhcp-sum-over-headers',
    ['V1.1-5.1.6.4.1-D5b'],
    'the checksum of DHCP replies covers their headers only',
    'QEMU issue 2727',
    ({ rx }) => {
      const { offload } = rx;
      const { partial } = offload;
      offload.partial = (sent, layout) => {
        const { bytes } = sent;
        if (
          offload.guestTakes(NET_F.GUEST_CSUM) ||
          (bytes[layout.l4 + 1] !== 67 && bytes[layout.l4 + 3] !== 67)
        )
          return partial.call(offload, sent, layout);
        const value = offload.checksums.finish(offload.checksums.sum(bytes, layout.l4, layout.payload), true);
        bytes[layout.l4 + 6] = value >> 8;
        bytes[layout.l4 + 7] = value;
        return offload.whole(bytes);
      };
    },
  ),
  wrong(
    'net-offload/gso-any-tso-bit',
    ['V1.1-5.1.6.4.1-D6', 'V1.1-5.1.6.4.1-D8'],
    'one TSO feature stands for both IP versions',
    'NT-10: super-frames to a driver that did not ask',
    (device) => {
      const { offload } = device.rx;
      offload.passesGso = (type, ecn) =>
        type !== GSO.UDP &&
        offload.guestTakes(NET_F.GUEST_CSUM) &&
        offload.passesEcn(ecn) &&
        (device.offloads & (NET_F.GUEST_TSO4 | NET_F.GUEST_TSO6)) !== 0n;
    },
  ),
  wrong(
    'net-offload/ufo-any-tso-bit',
    ['V1.1-5.1.6.4.1-D7'],
    'any TSO feature lets UDP super-frames through',
    INVERTED,
    (device) => {
      const { passesGso } = device.rx.offload;
      device.rx.offload.passesGso = (type, ecn) =>
        (type === GSO.UDP && takesAnyTso(device)) || passesGso.call(device.rx.offload, type, ecn);
    },
  ),
  wrong(
    'net-offload/ecn-without-feature',
    ['V1.1-5.1.6.4.1-D9a'],
    'super-frames with CWR are delivered without GUEST_ECN',
    INVERTED,
    ({ rx }) => {
      rx.offload.passesEcn = () => true;
    },
  ),
  wrong(
    'net-offload/ecn-bit-lost',
    ['V1.1-5.1.6.4.1-D9b'],
    'the ECN bit is left out of gso_type',
    INVERTED,
    ({ rx }) => {
      rx.offload.gsoType = (type) => type;
    },
  ),
  wrong(
    'net-offload/needs-csum-launders',
    ['V1.1-5.1.6.4.1-D11'],
    'a wrong checksum becomes a partial one with NEEDS_CSUM',
    INVERTED,
    ({ rx }) => {
      const { offload } = rx;
      const { whole } = offload;
      offload.whole = (bytes) => {
        const layout = parseFrame(bytes, bytes.length);
        const field = checksumField(layout);
        const delivery = whole.call(offload, bytes);
        if (field < 0 || !offload.guestTakes(NET_F.GUEST_CSUM)) return delivery;
        if (offload.checksums.fullSumGood(bytes, layout, bytes.length)) return delivery;
        offload.checksums.makePartial(bytes, layout, bytes.length);
        delivery.header.flags = HDR_F.NEEDS_CSUM;
        delivery.header.csumStart = layout.l4;
        delivery.header.csumOffset = field - layout.l4;
        return delivery;
      };
    },
  ),
  wrong(
    'net-offload/partial-complemented',
    ['V1.1-5.1.6.4.1-D12', 'V1.1-5.1.6.4.1-D13'],
    'the pseudo header sum is stored complemented',
    INVERTED,
    ({ rx }) => {
      onPartial(rx.offload, (delivery) => {
        const at = fieldOf(delivery);
        setField(delivery, 0xffff ^ ((delivery.bytes[at] << 8) | delivery.bytes[at + 1]));
      });
    },
  ),
  wrong(
    'net-offload/partial-zero',
    ['V1.1-5.1.6.4.1-D12'],
    'NEEDS_CSUM is set and the checksum field is 0',
    'NT-11: DPDK, pseudo header left out',
    ({ rx }) => onPartial(rx.offload, (delivery) => setField(delivery, 0)),
  ),
  wrong(
    'net-offload/partial-summed-twice',
    ['V1.1-5.1.6.4.1-D12'],
    'the full checksum is in place and NEEDS_CSUM set',
    INVERTED,
    ({ rx }) => {
      onPartial(rx.offload, ({ bytes }) =>
        rx.offload.checksums.compute(bytes, parseFrame(bytes, bytes.length), bytes.length),
      );
    },
  ),
  wrong(
    'net-offload/csum-start-plus-12-rx',
    ['V1.1-5.1.6.4.1-D13'],
    'csum_start counts from the start of the buffer',
    INVERTED,
    ({ rx }) => {
      rx.offload.csumStart = (start) => start + 12;
    },
  ),
  wrong(
    'net-offload/csum-start-ignores-vlan',
    ['V1.1-5.1.6.4.1-D13'],
    'csum_start leaves the VLAN tag out',
    INVERTED,
    ({ rx }) => {
      onPartial(rx.offload, ({ header, bytes }) => {
        if (bytes[12] === 0x81 && bytes[13] === 0) header.csumStart -= 4;
      });
    },
  ),
  wrong(
    'net-offload/csum-fields-be-rx',
    ['V1.1-5.1.6.4.1-D13'],
    'csum_start and csum_offset are big-endian',
    INVERTED,
    ({ rx }) => {
      rx.writeHeader = (bytes, header) => {
        const swapped = (n: number) => ((n & 0xff) << 8) | (n >> 8);
        writeHeader(bytes, {
          ...header,
          csumStart: swapped(header.csumStart),
          csumOffset: swapped(header.csumOffset),
        });
      };
    },
  ),
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
  wrong(
    'net-offload/data-valid-of-last-packet',
    ['V1.1-5.1.6.4.1-D19b'],
    'DATA_VALID is the verdict on the packet before',
    INVERTED,
    ({ rx }) => {
      const { wholeFlags } = rx.offload;
      let last = 0;
      rx.offload.wholeFlags = (bytes, layout) => {
        const flags = last;
        last = wholeFlags.call(rx.offload, bytes, layout);
        return rx.offload.guestTakes(NET_F.GUEST_CSUM) ? flags : 0;
      };
    },
    CHECKS,
  ),
  wrong(
    'net-offload/data-valid-header-only',
    ['V1.1-5.1.6.4.1-D19b'],
    'only the IPv4 header checksum is looked at',
    INVERTED,
    ({ rx }) => {
      rx.offload.checksums.fullSumGood = () => true;
    },
    CHECKS,
  ),
  wrong(
    'net-offload/data-valid-odd-tail',
    ['V1.1-5.1.6.4.1-D19b'],
    'an odd last byte is not checked',
    INVERTED,
    ({ rx }) => {
      const { fullSumGood } = rx.offload.checksums;
      rx.offload.checksums.fullSumGood = (bytes, layout, end) => {
        if (((end - layout.l4) & 1) === 0) return fullSumGood.call(rx.offload.checksums, bytes, layout, end);
        return true;
      };
    },
    CHECKS,
  ),
];
