import { ETH_HEADER } from '../simulator/net/frame.ts';
import type { NetDevice } from '../simulator/net/net-device.ts';
import { macKey, type RxMode } from '../simulator/net/rx-filter.ts';
import type { Defect } from './defect.ts';
import { laterThan, net } from './net-control.ts';

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

/** Commands of the RX class that are refused. */
function refusing(device: NetDevice, commands: readonly number[]): void {
  const { rxMode } = device.control;
  device.control.rxMode = (command, data) =>
    !commands.includes(command) && rxMode.call(device.control, command, data);
}

/** Wrong receive filters (sections 5.1.6.5.1 to 5.1.6.5.3). */
export const NET_FILTER_DEFECTS: readonly Defect[] = [
  // ── commands of the RX class ────────────────────────────────────────────────────────────────────
  net({
    id: 'net-rx-mode/promisc-refused',
    breaks: ['V1.1-5.1.6.5.1.1-D1.1'],
    what: 'answers PROMISC with ERR',
    seed: (device) => refusing(device, [0]),
  }),
  net({
    id: 'net-rx-mode/promisc-runs-out',
    breaks: ['V1.1-5.1.6.5.1.1-D1.1'],
    what: 'refuses PROMISC after 200 commands',
    fuzz: 'too many commands for a random sequence',
    seed(device) {
      const { rxMode } = device.control;
      let count = 0;
      device.control.rxMode = (command, data) => ++count <= 200 && rxMode.call(device.control, command, data);
    },
  }),
  net({
    id: 'net-rx-mode/allmulti-refused',
    breaks: ['V1.1-5.1.6.5.1.1-D1.2'],
    what: 'answers ALLMULTI with ERR',
    seed: (device) => refusing(device, [1]),
  }),
  net({
    id: 'net-rx-mode/allmulti-on-refused',
    breaks: ['V1.1-5.1.6.5.1.1-D1.2'],
    what: 'lets ALLMULTI be switched off only',
    seed(device) {
      const { rxMode } = device.control;
      device.control.rxMode = (command, data) =>
        !(command === 1 && data[0] === 1) && rxMode.call(device.control, command, data);
    },
  }),
  net({
    id: 'net-rx-mode/extra-refused',
    breaks: [
      'V1.1-5.1.6.5.1.1-D5.1',
      'V1.1-5.1.6.5.1.1-D5.2',
      'V1.1-5.1.6.5.1.1-D5.3',
      'V1.1-5.1.6.5.1.1-D5.4',
    ],
    what: 'offers the further modes and answers their commands with ERR',
    seed: (device) => refusing(device, [2, 3, 4, 5]),
  }),
  net({
    id: 'net-rx-mode/extra-shifted',
    breaks: ['V1.1-5.1.6.5.1.1-D5.4'],
    what: 'numbers the further modes one too high',
    seed(device) {
      const { rxMode } = device.control;
      device.control.rxMode = (command, data) =>
        rxMode.call(device.control, command > 1 ? command + 1 : command, data);
    },
  }),

  // ── effect of the modes ─────────────────────────────────────────────────────────────────────────
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

  // ── tables ──────────────────────────────────────────────────────────────────────────────────────
  net({
    id: 'net-table/survives-reset',
    breaks: ['V1.1-5.1.6.5.2.1-D1'],
    what: 'keeps the filter table over a reset',
    origin: 'NC-07: variant of state that survives reset',
    fuzz: 'yes',
    seed(device) {
      device.filter.resetTables = () => {};
    },
  }),
  net({
    id: 'net-table/half-reset',
    breaks: ['V1.1-5.1.6.5.2.1-D1'],
    what: 'clears the unicast table at reset and forgets the other',
    fuzz: 'yes',
    seed(device) {
      device.filter.resetTables = () => {
        device.filter.unicast = new Set();
      };
    },
  }),
  net({
    id: 'net-table/overflow-survives-reset',
    breaks: ['V1.1-5.1.6.5.2.1-D1'],
    what: 'lets all unicast in after a table that was too large, even after a reset',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      const { setTables, acceptsUnicast } = filter;
      let overflow = false;
      filter.setTables = (unicast, multicast) => {
        overflow = unicast.size > 64;
        setTables.call(filter, unicast, multicast);
      };
      filter.acceptsUnicast = (destination) =>
        (overflow && !filter.nouni) || acceptsUnicast.call(filter, destination);
    },
  }),
  net({
    id: 'net-table/applied-late',
    breaks: ['V1.1-5.1.6.5.2.1-D2'],
    what: 'puts the table in force after the next frame has been looked at',
    fuzz: 'yes',
    seed(device) {
      const { control, filter } = device;
      const { applyMacTables } = control;
      const { accepts } = filter;
      let due: (() => void) | undefined;
      control.applyMacTables = (unicast, multicast) => {
        due = () => applyMacTables.call(control, unicast, multicast);
      };
      filter.accepts = (bytes, length) => {
        const wanted = accepts.call(filter, bytes, length);
        due?.();
        due = undefined;
        return wanted;
      };
    },
  }),
  net({
    id: 'net-table/big-endian',
    breaks: ['P1.1-027q', 'V1.1-5.1.6.5.2.1-D2'],
    what: 'reads entry counts big-endian and acks OK what it cannot use',
    fuzz: 'yes',
    seed(device) {
      const { control } = device;
      const { macTableSet } = control;
      control.macEntries = (data, at) =>
        data[at] * 0x100_0000 + data[at + 1] * 0x1_0000 + data[at + 2] * 0x100 + data[at + 3];
      control.macTableSet = (data) => {
        macTableSet.call(control, data);
        return true;
      };
    },
  }),
  net({
    id: 'net-table/second-ignored',
    breaks: ['P1.1-027q'],
    what: 'drops the multicast table',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      const { setTables } = filter;
      filter.setTables = (unicast) => setTables.call(filter, unicast, new Set());
    },
  }),
  net({
    id: 'net-table/appends',
    breaks: ['P1.1-027q'],
    what: 'adds the new entries to the old ones',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      const { setTables } = filter;
      filter.setTables = (unicast, multicast) =>
        setTables.call(
          filter,
          new Set([...filter.unicast, ...unicast]),
          new Set([...filter.multicast, ...multicast]),
        );
    },
  }),
  net({
    id: 'net-table/cut-short',
    breaks: ['P1.1-027q'],
    what: 'keeps the first 64 entries of a table and acks OK',
    fuzz: 'yes',
    seed(device) {
      const { filter } = device;
      const { setTables } = filter;
      const some = (macs: ReadonlySet<number>) => new Set([...macs].slice(0, 64));
      filter.setTables = (unicast, multicast) => setTables.call(filter, some(unicast), some(multicast));
    },
  }),
  net({
    id: 'net-table/first-descriptor-only',
    breaks: ['V1.1-2.6.4.1-D1'],
    what: 'takes the tables from one descriptor, whatever follows',
    origin: 'NC-08: command framing hard-coded',
    fuzz: 'yes',
    seed(device) {
      const { command } = device;
      const { mac } = device.control;
      let data = 0;
      device.command = (queue, buffer) => {
        data = buffer.readable > 1 ? buffer.len[1] : buffer.len[0] - 2;
        return command.call(device, queue, buffer);
      };
      device.control.mac = (code, bytes) => mac.call(device.control, code, bytes.subarray(0, data));
    },
  }),

  // ── own address ─────────────────────────────────────────────────────────────────────────────────
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

  // ── VLAN ────────────────────────────────────────────────────────────────────────────────────────
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
