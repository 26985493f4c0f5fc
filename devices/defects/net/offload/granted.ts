import { NET_F } from '../../../../specs/virtio-1.1/features.ts';
import { GSO, HDR_F } from '../../../simulator/net/header.ts';
import type { NetDevice } from '../../../simulator/net/net-device.ts';
import type { Defect } from '../../defect.ts';
import { INVERTED, wrong } from '../wrong.ts';

const takesAnyTso = (device: NetDevice) =>
  (device.offloads & (NET_F.GUEST_TSO4 | NET_F.GUEST_TSO6 | NET_F.GUEST_UFO)) !== 0n;

/** Offloads that were not granted, or left out. */
export const NET_OFFLOAD_GRANTED: readonly Defect[] = [
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
];
