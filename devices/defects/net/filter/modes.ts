import type { NetDevice } from '../../../simulator/net/net-device.ts';
import { macKey, type RxMode } from '../../../simulator/net/rx-filter.ts';
import type { Defect } from '../../defect.ts';
import { net } from '../net-defect.ts';

/** Replace the way a receive mode is switched; `act` says whether the change is done as usual. */
function onMode(device: NetDevice, act: (mode: RxMode, on: boolean) => boolean): void {
  const { filter } = device;
  const { setMode } = filter;
  filter.setMode = (mode, on) => {
    if (act(mode, on)) setMode.call(filter, mode, on);
  };
}

/** A mode that has no effect at all. */
const withoutMode =
  (mode: RxMode) =>
  (device: NetDevice): void =>
    onMode(device, (one) => one !== mode);

/** Effect of the receive modes. */
export const NET_FILTER_MODES: readonly Defect[] = [
  net({
    id: 'net-rx-mode/promisc-no-effect',
    breaks: ['V1.1-5.1.6.5.1.1-D2'],
    what: 'acks PROMISC and filters on',
    fuzz: 'yes',
    seed: withoutMode('promisc'),
  }),
  net({
    id: 'net-rx-mode/promisc-sticks',
    breaks: ['V1.1-5.1.6.5.2.1-D4'],
    what: 'stays promiscuous when the mode is switched off',
    fuzz: 'yes',
    seed: (device) => onMode(device, (mode, on) => mode !== 'promisc' || on),
  }),
  net({
    id: 'net-rx-mode/promisc-loses',
    breaks: ['V1.1-5.1.6.5.1.1-D3'],
    what: 'applies the suppressing modes although PROMISC is on',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      const { accepts } = filter;
      filter.accepts = (bytes, length) => {
        const destination = macKey(bytes);
        if (filter.nobcast && destination === 0xffff_ffff_ffff) return false;
        if (filter.nomulti && (bytes[0] & 1) !== 0 && destination !== 0xffff_ffff_ffff) return false;
        if (filter.nouni && (bytes[0] & 1) === 0) return false;
        return accepts.call(filter, bytes, length);
      };
    },
  }),
  net({
    id: 'net-rx-mode/allmulti-ends-promisc',
    breaks: ['V1.1-5.1.6.5.1.1-D3'],
    what: 'leaves promiscuous mode when ALLMULTI is switched',
    fuzz: 'yes',
    seed(device) {
      onMode(device, (mode) => {
        if (mode === 'allmulti') device.filter.promisc = false;
        return true;
      });
    },
  }),
  net({
    id: 'net-rx-mode/allmulti-no-effect',
    breaks: ['V1.1-5.1.6.5.1.1-D4'],
    what: 'acks ALLMULTI and filters on',
    fuzz: 'yes',
    seed: withoutMode('allmulti'),
  }),
  net({
    id: 'net-rx-mode/allmulti-ipv4-only',
    breaks: ['V1.1-5.1.6.5.1.1-D4'],
    what: 'lets in the IPv4 multicast range alone with ALLMULTI',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      filter.acceptsMulticast = (destination) =>
        !filter.nomulti &&
        (filter.multicast.has(destination) ||
          (filter.allmulti && Math.floor(destination / 0x100_0000) === 0x01005e));
    },
  }),
  net({
    id: 'net-rx-mode/allmulti-as-promisc',
    breaks: ['V1.1-5.1.6.5.2.1-D4'],
    what: 'lets everything in with ALLMULTI',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      const { acceptsUnicast } = filter;
      filter.acceptsUnicast = (destination) => filter.allmulti || acceptsUnicast.call(filter, destination);
    },
  }),
  net({
    id: 'net-rx-mode/alluni-no-effect',
    breaks: ['V1.1-5.1.6.5.1.1-D6'],
    what: 'acks ALLUNI and filters on',
    fuzz: 'yes',
    seed: withoutMode('alluni'),
  }),
  net({
    id: 'net-rx-mode/alluni-as-promisc',
    breaks: ['V1.1-5.1.6.5.2.1-D4'],
    what: 'lets everything in with ALLUNI',
    fuzz: 'yes',
    seed(device) {
      onMode(device, (mode, on) => {
        if (mode === 'alluni') device.filter.promisc = on;
        return true;
      });
    },
  }),
  net({
    id: 'net-rx-mode/nomulti-no-effect',
    breaks: ['V1.1-5.1.6.5.1.1-D7'],
    what: 'acks NOMULTI and lets multicast in',
    fuzz: 'yes',
    seed: withoutMode('nomulti'),
  }),
  net({
    id: 'net-rx-mode/nomulti-sticks',
    breaks: ['V1.1-5.1.6.5.1.1-D7'],
    what: 'holds multicast back for good after NOMULTI',
    fuzz: 'yes',
    seed: (device) => onMode(device, (mode, on) => mode !== 'nomulti' || on),
  }),
  net({
    id: 'net-rx-mode/last-mode-wins',
    breaks: ['V1.1-5.1.6.5.1.1-D8', 'V1.1-5.1.6.5.1.1-D11', 'V1.1-5.1.6.5.1.1-D13'],
    what: 'switches the opposite mode off with each mode that is switched on',
    fuzz: 'yes',
    seed(device) {
      onMode(device, (mode, on) => {
        const { filter } = device;
        if (!on) return true;
        if (mode === 'allmulti') {
          filter.nomulti = false;
          filter.nobcast = false;
        } else if (mode === 'alluni') filter.nouni = false;
        else if (mode === 'nomulti' || mode === 'nobcast') filter.allmulti = false;
        else if (mode === 'nouni') filter.alluni = false;
        return true;
      });
    },
  }),
  net({
    id: 'net-rx-mode/nomulti-hides-broadcast',
    breaks: ['V1.1-5.1.6.5.1.1-D9'],
    what: 'takes broadcast for multicast with NOMULTI',
    fuzz: 'yes',
    seed(device) {
      device.filter.acceptsBroadcast = () => !device.filter.nobcast && !device.filter.nomulti;
    },
  }),
  net({
    id: 'net-rx-mode/nouni-foreign-only',
    breaks: ['V1.1-5.1.6.5.1.1-D10'],
    what: 'lets frames to its own address in despite NOUNI',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      const { acceptsUnicast } = filter;
      filter.acceptsUnicast = (destination) =>
        filter.isOwn(destination) || acceptsUnicast.call(filter, destination);
    },
  }),
  net({
    id: 'net-rx-mode/nobcast-no-effect',
    breaks: ['V1.1-5.1.6.5.1.1-D12'],
    what: 'acks NOBCAST and lets broadcast in',
    fuzz: 'yes',
    seed: withoutMode('nobcast'),
  }),
  net({
    id: 'net-rx-mode/nobcast-sticks',
    breaks: ['V1.1-5.1.6.5.1.1-D12'],
    what: 'holds broadcast back for good after NOBCAST',
    fuzz: 'yes',
    seed: (device) => onMode(device, (mode, on) => mode !== 'nobcast' || on),
  }),
  net({
    id: 'net-rx-mode/allmulti-covers-broadcast',
    breaks: ['V1.1-5.1.6.5.1.1-D13'],
    what: 'lets broadcast in as a kind of multicast despite NOBCAST',
    fuzz: 'yes',
    seed(device) {
      device.filter.acceptsBroadcast = () => device.filter.allmulti || !device.filter.nobcast;
    },
  }),
];
