import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import { GSO, le16, putLe16 } from '../../simulator/net/header.ts';
import type { NetDevice } from '../../simulator/net/net-device.ts';
import type { Defect } from '../defect.ts';
import { INVERTED, wrong } from './wrong.ts';

/** Store into the configuration space of a fresh device, past the back end. */
function setConfig16(device: NetDevice, at: number, value: number): void {
  putLe16(device.config.bytes, at, value);
}

const PAIRS = 8;

const MTU = 10;

/** Wrong configuration values (section 5.1.4.1) and limits that follow from them. */
export const NET_VALUE_DEFECTS: readonly Defect[] = [
  wrong('net-values/max-pairs-zero', ['V1.1-5.1.4.1-D1'], 'max_virtqueue_pairs is 0', INVERTED, (device) =>
    setConfig16(device, PAIRS, 0),
  ),
  wrong(
    'net-values/max-pairs-over',
    ['V1.1-5.1.4.1-D1'],
    'max_virtqueue_pairs is 0x8001',
    INVERTED,
    (device) => setConfig16(device, PAIRS, 0x8001),
  ),
  wrong(
    'net-values/max-pairs-be',
    ['V1.1-5.1.4.1-D1'],
    'max_virtqueue_pairs is big-endian',
    INVERTED,
    (device) => setConfig16(device, PAIRS, le16(device.config.bytes, PAIRS) << 8),
  ),
  wrong(
    'net-values/mtu-67',
    ['V1.1-5.1.4.1-D2'],
    'mtu is 67',
    'NL-02: Linux netlink policy with a minimum of 68',
    (device) => setConfig16(device, MTU, 67),
  ),
  wrong('net-values/mtu-zero', ['V1.1-5.1.4.1-D2'], 'mtu 0 stands for no limit', INVERTED, (device) =>
    setConfig16(device, MTU, 0),
  ),
  wrong('net-values/mtu-1279', ['V1.1-5.1.4.1-D3'], 'mtu is 1279', INVERTED, (device) =>
    setConfig16(device, MTU, 1279),
  ),
  wrong(
    'net-values/mtu-resets-to-1400',
    ['V1.1-5.1.4.1-D4'],
    'a reset puts a default into mtu',
    INVERTED,
    (device) => {
      const { deviceReset, startDevice } = device;
      let started = false;
      device.startDevice = () => {
        started = true;
        startDevice.call(device);
      };
      device.deviceReset = () => {
        deviceReset.call(device);
        if (started) setConfig16(device, MTU, 1400);
      };
    },
  ),
  wrong(
    'net-values/mtu-only-when-negotiated',
    ['V1.1-5.1.4.1-D4'],
    'mtu drops to 1280 unless MTU is negotiated',
    INVERTED,
    (device) => {
      const { featuresAccepted } = device;
      device.featuresAccepted = () => {
        featuresAccepted.call(device);
        setConfig16(device, MTU, device.negotiated(NET_F.MTU) ? device.mtu : 1280);
      };
    },
  ),
  wrong(
    'net-values/mtu-lost-on-link-change',
    ['V1.1-5.1.4.1-D4'],
    'a link event rebuilds the configuration without mtu',
    INVERTED,
    (device) => {
      const { linkChanged } = device;
      device.peer.onLink = (up) => {
        linkChanged.call(device, up);
        setConfig16(device, MTU, 1280);
      };
    },
  ),
  wrong(
    'net-values/mtu-ignored-rx',
    ['V1.1-5.1.4.1-D5'],
    'frames of any length are delivered',
    INVERTED,
    (device) => {
      device.rx.offload.withinMtu = () => true;
    },
  ),
  wrong(
    'net-values/mtu-counts-trailer-rx',
    ['V1.1-5.1.4.1-D5'],
    'frames of mtu + 18 bytes are delivered, tag or not',
    INVERTED,
    (device) => {
      device.rx.offload.frameLimit = () => device.mtu + 18;
    },
  ),
  wrong(
    'net-values/mtu-counts-header-rx',
    ['V1.1-5.1.4.1-D5'],
    'the limit of received frames includes the packet header',
    INVERTED,
    (device) => {
      device.rx.offload.frameLimit = () => device.mtu + 14 + 12;
    },
  ),
  wrong(
    'net-values/mtu-without-eth',
    ['V1.1-5.1.4.1-D6'],
    'frames longer than mtu are dropped, Ethernet header counted',
    INVERTED,
    (device) => {
      device.tx.acceptable = (frame) => frame.length <= device.mtu;
    },
  ),
  wrong(
    'net-values/tx-ip-fragments',
    ['V1.1-5.1.4.1-D6'],
    'full-size datagrams are fragmented',
    INVERTED,
    (device) => {
      const { transmit } = device.tx;
      device.tx.transmit = (frame, header, pair, buffer) => {
        const pieces =
          frame.length > device.mtu
            ? device.tx.segmenter.split(frame, frame.length, GSO.UDP, device.mtu - 100)
            : null;
        if (pieces === null) transmit.call(device.tx, frame, header, pair, buffer);
        else for (const piece of pieces) device.tx.forward(piece, pair);
      };
    },
  ),
  wrong(
    'net-values/tx-truncates',
    ['V1.1-5.1.4.1-D6'],
    'frames are cut off after mtu bytes',
    INVERTED,
    (device) => {
      const { forward } = device.tx;
      device.tx.forward = (bytes, pair, meta) =>
        forward.call(device.tx, bytes.subarray(0, device.mtu), pair, meta);
    },
  ),
  wrong(
    'net-values/tx-ecn-alone-drops',
    ['V1.1-5.1.4.1-D6'],
    'the ECN bit without segmentation is refused',
    INVERTED,
    (device) => {
      device.tx.acceptable = (_, header) => header.gsoType !== GSO.ECN;
    },
  ),
];
