import { ETH_HEADER } from '../../../simulator/net/frame.ts';
import type { Defect } from '../../defect.ts';
import { net } from '../net-defect.ts';

/** VLAN filters. */
export const NET_FILTER_VLAN: readonly Defect[] = [
  net({
    id: 'net-vlan/big-endian',
    breaks: ['P1.1-027r'],
    what: 'reads the VLAN id big-endian',
    fuzz: 'yes',
    seed(device) {
      device.control.vlanId = (data) => ((data[0] << 8) | data[1]) & 0x0fff;
    },
  }),
  net({
    id: 'net-vlan/delete-clears',
    breaks: ['P1.1-027r'],
    what: 'clears the whole table when one id is removed',
    fuzz: 'yes',
    seed(device) {
      device.filter.removeVlan = () => {
        device.filter.vlans = new Set();
      };
    },
  }),
  net({
    id: 'net-vlan/delete-ignored',
    breaks: ['P1.1-027r'],
    what: 'acks the removal of an id and keeps it',
    fuzz: 'yes',
    seed(device) {
      device.filter.removeVlan = () => {};
    },
  }),
  net({
    id: 'net-vlan/refused',
    breaks: ['P1.1-027r'],
    what: 'offers the VLAN filter and answers its commands with ERR',
    seed(device) {
      device.control.vlan = () => false;
    },
  }),
  net({
    id: 'net-vlan/untagged-dropped',
    breaks: ['P1.1-027r'],
    what: 'drops untagged frames once an id was added',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      const { acceptsVlan } = filter;
      filter.acceptsVlan = (bytes, length) => {
        const untagged = length < ETH_HEADER + 4 || bytes[12] !== 0x81 || bytes[13] !== 0;
        return !(untagged && filter.vlans.size > 0) && acceptsVlan.call(filter, bytes, length);
      };
    },
  }),
];
