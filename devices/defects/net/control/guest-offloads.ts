import { NET_F } from '../../../../specs/virtio-1.1/features.ts';
import { GUEST_OFFLOADS } from '../../../simulator/net/control.ts';
import { le32 } from '../../../simulator/net/header.ts';
import type { Defect } from '../../defect.ts';
import { net } from '../net-defect.ts';

/** Guest offloads. */
export const NET_CONTROL_OFFLOADS: readonly Defect[] = [
  net({
    id: 'net-offloads/ignored',
    breaks: ['P1.1-027v'],
    what: 'accepts the mask and goes on as negotiated',
    seed(device) {
      device.control.applyOffloads = () => {};
    },
  }),
  net({
    id: 'net-offloads/reversed',
    breaks: ['P1.1-027v'],
    what: 'switches the offloads off whose bits are set',
    seed(device) {
      device.control.applyOffloads = (mask) => {
        device.offloads = device.driverFeatures & GUEST_OFFLOADS & ~mask;
      };
    },
  }),
  net({
    id: 'net-offloads/big-endian',
    breaks: ['P1.1-027v'],
    what: 'reads the mask from the wrong end',
    origin: 'NC-11: QEMU 189ae6bb5c, guest offloads in the wrong byte order',
    seed(device) {
      device.control.offloadMask = (data) => BigInt(le32(data, 4)) | (BigInt(le32(data, 0)) << 32n);
    },
  }),
  net({
    id: 'net-offloads/all-or-nothing',
    breaks: ['P1.1-027v'],
    what: 'refuses a mask that is neither empty nor all that was negotiated',
    seed(device) {
      const { offloads } = device.control;
      device.control.offloads = (command, data) => {
        const mask = device.control.offloadMask(data);
        const all = device.driverFeatures & GUEST_OFFLOADS;
        return (mask === 0n || mask === all) && offloads.call(device.control, command, data);
      };
    },
  }),
  net({
    id: 'net-offloads/one-packet-late',
    breaks: ['P1.1-027v'],
    what: 'applies the mask after the next packet',
    seed(device) {
      const { prepare } = device.rx.offload;
      let due: bigint | undefined;
      device.control.applyOffloads = (mask) => {
        due = mask;
      };
      device.rx.offload.prepare = (sent) => {
        const packets = prepare.call(device.rx.offload, sent);
        if (due !== undefined) device.offloads = due;
        due = undefined;
        return packets;
      };
    },
  }),
  net({
    id: 'net-offloads/off-after-reset',
    breaks: ['P1.1-027w'],
    what: 'keeps what the last driver had switched off over a reset',
    seed(device) {
      const { applyOffloads } = device.control;
      let last: bigint | undefined;
      device.control.applyOffloads = (mask) => {
        last = mask;
        applyOffloads.call(device.control, mask);
      };
      device.initialOffloads = () => device.driverFeatures & GUEST_OFFLOADS & (last ?? GUEST_OFFLOADS);
    },
  }),
  net({
    id: 'net-offloads/off-until-asked',
    breaks: ['P1.1-027w'],
    what: 'waits for a command before it uses any offload, if the command was negotiated',
    seed(device) {
      device.initialOffloads = () =>
        device.negotiated(NET_F.CTRL_GUEST_OFFLOADS) ? 0n : device.driverFeatures & GUEST_OFFLOADS;
    },
  }),
];
