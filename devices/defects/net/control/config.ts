import { NET_S } from '../../../simulator/net/net-config.ts';
import type { Defect } from '../../defect.ts';
import { net } from '../net-defect.ts';

/** Configuration space of network devices. */
export const NET_CONTROL_CONFIG: readonly Defect[] = [
  net({
    id: 'net-config/size-of-mac',
    breaks: ['P1.1-027b'],
    what: 'has a configuration space of six bytes whatever it offers',
    fuzz: 'yes',
    seed(device) {
      device.getConfigSize = () => 6;
    },
  }),
  net({
    id: 'net-config/size-without-mtu',
    breaks: ['P1.1-027b'],
    what: 'leaves mtu out of the size of the configuration space',
    fuzz: 'yes',
    seed(device) {
      device.getConfigSize = () => 10;
    },
  }),
  net({
    id: 'net-config/mac-multicast',
    breaks: ['P1.1-027b'],
    what: 'has a multicast address of its own',
    fuzz: 'yes',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, into) => {
        getConfig.call(device, offset, into);
        if (offset === 0 && into.length > 0) into[0] |= 1;
      };
    },
  }),
  net({
    id: 'net-config/writable',
    breaks: ['P1.1-027c'],
    what: 'lets the driver store into every field',
    seenBy: 'expectation',
    seed(device) {
      device.acceptsConfigWrite = () => true;
    },
  }),
  net({
    id: 'net-config/link-stuck-up',
    breaks: ['P1.1-027d'],
    what: 'shows the link as up for ever',
    fuzz: 'yes',
    seed(device) {
      device.linkChanged = () => {};
    },
  }),
  net({
    id: 'net-config/link-silent',
    breaks: ['P1.1-027d'],
    what: 'changes the link bit without a notification',
    origin: 'FE: configuration change without interrupt, text inverted',
    fuzz: 'yes',
    seed(device) {
      const { linkChanged, notifyConfig } = device;
      device.linkChanged = (up) => {
        device.notifyConfig = () => {};
        linkChanged.call(device, up);
        device.notifyConfig = notifyConfig;
      };
    },
  }),
  net({
    id: 'net-config/link-always-down',
    breaks: ['P1.1-027d'],
    what: 'never shows the link as up',
    origin: 'NT-13: QEMU 9aa47edd4e, link always reported down',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, into) => {
        getConfig.call(device, offset, into);
        if (offset <= 6 && offset + into.length > 6) into[6 - offset] &= ~NET_S.LINK_UP;
      };
    },
  }),
  net({
    id: 'net-config/link-up-after-reset',
    breaks: ['P1.1-027d'],
    what: 'sets the link bit at every reset',
    fuzz: 'yes',
    seed(device) {
      const { deviceReset } = device;
      device.deviceReset = () => {
        deviceReset.call(device);
        device.statusField |= NET_S.LINK_UP;
        device.config.store(6, Uint8Array.of(device.statusField, 0));
      };
    },
  }),
  net({
    id: 'net-config/link-no-generation',
    breaks: ['P1.1-019d'],
    what: 'keeps the configuration generation when the link changes',
    fuzz: 'yes',
    seed(device) {
      device.getGeneration = () => 1;
    },
  }),
];
