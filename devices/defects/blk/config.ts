import { BLK_F } from '../../../specs/virtio-1.1/features.ts';
import { WRITEBACK_AT } from '../../simulator/blk/blk-config.ts';
import { SECTOR } from '../../simulator/blk/disk.ts';
import type { Defect } from '../defect.ts';
import { blk, moveMedium } from './blk-defect.ts';

/** Features and configuration. */
export const BLK_CONFIG: readonly Defect[] = [
  blk({
    id: 'blk/no-flush',
    breaks: ['V1.1-5.2.5.2-D1a'],
    what: 'does not offer FLUSH',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      const { getDeviceFeatures } = device;
      device.getDeviceFeatures = () => getDeviceFeatures.call(device) & ~(BLK_F.FLUSH | BLK_F.CONFIG_WCE);
    },
  }),
  blk({
    id: 'blk/wce-without-flush',
    breaks: ['V1.1-5.2.5.2-D1b'],
    what: 'offers CONFIG_WCE but not FLUSH',
    origin: 'BK-13: crosvm, FLUSH offered in one place and refused in another',
    fuzz: 'yes',
    seed(device) {
      const { getDeviceFeatures } = device;
      device.getDeviceFeatures = () => getDeviceFeatures.call(device) & ~BLK_F.FLUSH;
    },
  }),
  blk({
    id: 'blk/writeback-starts-at-1',
    breaks: ['V1.1-5.2.5.2-D2'],
    what: 'leaves writeback at its default of 1 when CONFIG_WCE is negotiated without FLUSH',
    origin: 'BK-14: Cloud Hypervisor, default not resolved against the acknowledged features',
    seed(device) {
      device.featuresAccepted = () => {};
    },
  }),
  blk({
    id: 'blk/writeback-outlives-reset',
    breaks: ['V1.1-5.2.5.2-D2'],
    what: 'keeps the writeback value of the driver before over a reset and a new negotiation',
    origin: 'text inverted',
    seed(device) {
      const { setConfig } = device;
      let written: number | undefined;
      device.setConfig = (offset, bytes) => {
        if (offset === WRITEBACK_AT) written = bytes[0] & 1;
        setConfig.call(device, offset, bytes);
      };
      const { featuresAccepted } = device;
      device.featuresAccepted = () => {
        featuresAccepted.call(device);
        if (written !== undefined) device.config.storeByte(WRITEBACK_AT, written);
      };
    },
  }),
  blk({
    id: 'blk/writeback-as-32-bits',
    breaks: ['V1.1-5.2.5.2-D3'],
    what: 'keeps writeback as a 32-bit field whose second byte shows it too',
    origin: 'text inverted',
    seed(device) {
      const { setConfig } = device;
      device.setConfig = (offset, bytes) => {
        setConfig.call(device, offset, bytes);
        if (offset === WRITEBACK_AT) device.config.storeByte(WRITEBACK_AT + 1, bytes[0]);
      };
    },
  }),
  blk({
    id: 'blk/padding-not-zero',
    breaks: ['V1.1-5.2.5.2-D3'],
    what: 'leaves garbage in the padding at the end of the configuration space',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      device.config.bytes[58] = 0xd5;
    },
  }),
  blk({
    id: 'blk/stray-write-to-padding-stays',
    breaks: ['V1.1-5.2.5.2-D3'],
    what: 'stores what a driver writes to the padding and keeps it over a reset',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      const { acceptsConfigWrite } = device;
      device.acceptsConfigWrite = (offset, value) =>
        (offset > WRITEBACK_AT && offset <= WRITEBACK_AT + 3) ||
        acceptsConfigWrite.call(device, offset, value);
    },
  }),
  blk({
    id: 'blk/writeback-write-ignored',
    breaks: ['P1.1-026e'],
    what: 'ignores what the driver writes to writeback',
    origin: 'CF-04: vhost-device, partial configuration write lost',
    seed(device) {
      device.acceptsConfigWrite = () => false;
    },
  }),
  blk({
    id: 'blk/writeback-not-boolean',
    breaks: ['P1.1-026e'],
    what: 'shows a writeback value of 2 after the negotiation',
    origin: 'text inverted',
    seed(device) {
      device.featuresAccepted = () => void device.config.storeByte(WRITEBACK_AT, 2);
    },
  }),
  blk({
    id: 'blk/config-write-at-0',
    breaks: ['P1.1-026e'],
    what: 'stores a partial configuration write at offset 0, into the capacity',
    origin: 'CF-04: vhost-device, offset of a configuration write ignored',
    seed(device) {
      device.setConfig = (_, bytes) => void device.config.store(0, bytes);
    },
  }),
  blk({
    id: 'blk/capacity-needs-features',
    breaks: ['P1.1-026f'],
    what: 'fills in the capacity only when SEG_MAX is negotiated',
    origin: 'text inverted',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, into) => {
        getConfig.call(device, offset, into);
        if (device.driverOk && !device.negotiated(BLK_F.SEG_MAX))
          for (let i = 0; i < into.length; i++) if (offset + i < 8) into[i] = 0;
      };
    },
  }),
  blk({
    id: 'blk/last-sector-out-of-range',
    breaks: ['P1.1-026f', 'P1.1-026d'],
    what: 'takes the last sector for one beyond the end',
    origin: 'text inverted',
    seed(device) {
      device.inRange = (sector, count) => sector + count < device.capacity;
    },
  }),
  blk({
    id: 'blk/end-of-disk-mapped-elsewhere',
    breaks: ['P1.1-026d', 'P1.1-026f'],
    what: 'stores the last block of the disk at sector 0',
    origin: 'text inverted',
    seed(device) {
      moveMedium(device, (at) => (at === (device.capacity - 1) * SECTOR ? 0 : at));
    },
  }),
  blk({
    id: 'blk/may-unmap-changes-silently',
    breaks: ['V1.1-5.2.6.2-D8b'],
    what: 'changes write_zeroes_may_unmap without a configuration change notification',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      device.changeConfig = (offset, bytes) => void device.config.store(offset, bytes);
    },
  }),
];
