import { NET_S } from '../../../simulator/net/net-config.ts';
import type { Defect } from '../../defect.ts';
import { laterThan, net } from '../net-defect.ts';

/** Announcement. */
export const NET_CONTROL_ANNOUNCE: readonly Defect[] = [
  net({
    id: 'net-announce/never-cleared',
    breaks: ['V1.1-5.1.6.5.4.2-D1'],
    what: 'accepts the acknowledgement and leaves the bit set',
    origin: 'NC-13: text inverted',
    fuzz: 'yes',
    seed(device) {
      device.control.announce = (command) => command === 0;
    },
  }),
  net({
    id: 'net-announce/cleared-late',
    breaks: ['V1.1-5.1.6.5.4.2-D1'],
    what: 'clears the bit after the acknowledgement was used',
    fuzz: 'yes',
    seed(device) {
      const { clearAnnounce } = device;
      const later = laterThan(device);
      device.control.announce = (command) => {
        if (command === 0) later(() => clearAnnounce.call(device));
        return command === 0;
      };
    },
  }),
  net({
    id: 'net-announce/cleared-after-publication',
    breaks: ['V1.1-5.1.6.5.4.2-D1'],
    what: 'clears the bit between the used entry and the notification of the next buffer',
    fuzz: 'yes',
    seed(device) {
      const { clearAnnounce, publish } = device;
      let due = false;
      device.control.announce = (command) => {
        due = command === 0;
        return due;
      };
      device.publish = (queue) => {
        publish.call(device, queue);
        if (due && device.isControl(queue.index)) {
          due = false;
          clearAnnounce.call(device);
        }
      };
    },
  }),
  net({
    id: 'net-announce/clears-link',
    breaks: ['V1.1-5.1.6.5.4.2-D1'],
    what: 'clears the whole status field with the announcement',
    fuzz: 'yes',
    seed(device) {
      device.control.announce = (command) => {
        device.statusField = 0;
        device.config.store(6, Uint8Array.of(0, 0));
        return command === 0;
      };
    },
  }),
  net({
    id: 'net-announce/silent',
    breaks: ['P1.1-027s'],
    what: 'sets the announce bit without a notification',
    fuzz: 'yes',
    seed(device) {
      const { raiseAnnounce, notifyConfig } = device;
      device.raiseAnnounce = () => {
        device.notifyConfig = () => {};
        raiseAnnounce.call(device);
        device.notifyConfig = notifyConfig;
      };
    },
  }),
  net({
    id: 'net-announce/cleared-by-reading',
    breaks: ['P1.1-027s'],
    what: 'clears the announce bit when the driver reads it',
    fuzz: 'yes',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, into) => {
        getConfig.call(device, offset, into);
        if (offset <= 6 && offset + into.length > 6) device.clearAnnounce();
      };
    },
  }),
  net({
    id: 'net-announce/not-asked-for',
    breaks: ['P1.1-027s'],
    what: 'sets the announce bit although the feature was not negotiated',
    fuzz: 'yes',
    seed(device) {
      device.raiseAnnounce = () => device.changeStatus(device.statusField | NET_S.ANNOUNCE);
    },
  }),
];
