import { macKey } from '../../../simulator/net/rx-filter.ts';
import type { Defect } from '../../defect.ts';
import { laterThan, net } from '../net-defect.ts';

/** The own address, and how addresses are compared. */
export const NET_FILTER_ADDRESS: readonly Defect[] = [
  net({
    id: 'net-mac/config-late',
    breaks: ['V1.1-5.1.6.5.2.1-D3'],
    what: 'stores the new address in the configuration after the command was used',
    seed(device) {
      const later = laterThan(device);
      device.control.applyMacToConfig = (mac) => {
        const kept = mac.slice();
        later(() => device.setConfigMac(kept));
      };
    },
  }),
  net({
    id: 'net-mac/filter-only',
    breaks: ['V1.1-5.1.6.5.2.1-D3'],
    what: 'leaves the configuration as it was',
    seed(device) {
      device.control.applyMacToConfig = () => {};
    },
  }),
  net({
    id: 'net-mac/reversed',
    breaks: ['V1.1-5.1.6.5.2.1-D3'],
    what: 'stores the address with its bytes in reverse',
    seed(device) {
      device.control.applyMacToConfig = (mac) => device.setConfigMac(mac.slice().reverse());
    },
  }),
  net({
    id: 'net-mac/stops-at-zero',
    breaks: ['V1.1-5.1.6.5.2.1-D3'],
    what: 'copies the address up to the first zero byte',
    seed(device) {
      device.control.applyMacToConfig = (mac) => {
        const end = mac.indexOf(0);
        device.setConfigMac(end < 0 ? mac : mac.subarray(0, end));
      };
    },
  }),
  net({
    id: 'net-mac/filter-stale',
    breaks: ['P1.1-027p'],
    what: 'shows the new address and listens to the old one',
    fuzz: 'yes',
    seed(device) {
      device.control.applyMacToFilter = () => {};
    },
  }),
  net({
    id: 'net-mac/listens-to-both',
    breaks: ['P1.1-027p'],
    what: 'listens to the old address as well',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      const { isOwn } = filter;
      const mine = new Set<number>();
      device.control.applyMacToFilter = (mac) => {
        mine.add(filter.ownMac);
        filter.ownMac = macKey(mac);
      };
      filter.isOwn = (destination) => isOwn.call(filter, destination) || mine.has(destination);
    },
  }),
  net({
    id: 'net-mac/partial-on-error',
    breaks: ['P1.1-027p'],
    what: 'stores the bytes of a short address before it refuses the command',
    origin: 'Linux vdpa_sim: five bytes reach the configuration, then ERR',
    seed(device) {
      const { macAddrSet } = device.control;
      device.control.macAddrSet = (data) => {
        device.setConfigMac(data.subarray(0, 6));
        device.filter.ownMac = macKey(device.config.bytes);
        return macAddrSet.call(device.control, data);
      };
    },
  }),
  net({
    id: 'net-filter/none',
    breaks: ['V1.1-5.1.6.5.2.1-D4'],
    what: 'lets every frame in',
    fuzz: 'yes',
    seed(device) {
      device.filter.accepts = () => true;
    },
  }),
  net({
    id: 'net-filter/strncmp',
    breaks: ['V1.1-5.1.6.5.2.1-D4'],
    what: 'compares addresses as texts, up to a zero byte',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      filter.isOwn = (destination) => {
        for (let scale = 2 ** 40; scale >= 1; scale /= 256) {
          const mine = Math.floor(filter.ownMac / scale) % 256;
          if (mine !== Math.floor(destination / scale) % 256) return false;
          if (mine === 0) return true;
        }
        return true;
      };
    },
  }),
  net({
    id: 'net-filter/five-bytes',
    breaks: ['V1.1-5.1.6.5.2.1-D4'],
    what: 'leaves the last byte out of the comparison with its own address',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      filter.isOwn = (destination) => Math.floor(destination / 256) === Math.floor(filter.ownMac / 256);
    },
  }),
  net({
    id: 'net-filter/table-by-hash',
    breaks: ['V1.1-5.1.6.5.2.1-D4'],
    what: 'compares only the last byte with the addresses of the tables',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      const { acceptsUnicast, acceptsMulticast } = filter;
      const hit = (macs: ReadonlySet<number>, destination: number) =>
        [...macs].some((mac) => mac % 256 === destination % 256);
      filter.acceptsUnicast = (destination) =>
        hit(filter.unicast, destination) || acceptsUnicast.call(filter, destination);
      filter.acceptsMulticast = (destination) =>
        hit(filter.multicast, destination) || acceptsMulticast.call(filter, destination);
    },
  }),
];
