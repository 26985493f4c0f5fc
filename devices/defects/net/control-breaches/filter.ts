import type { Defect } from '../../defect.ts';
import { net } from '../net-defect.ts';
import { crash, onCommand } from './command-defect.ts';

/** Commands of the filters. */
export const NET_CONTROL_BREACH_FILTER: readonly Defect[] = [
  net({
    id: 'net-breach/rx-mode-handler-missing',
    breaks: ['INV-ALIVE'],
    what: 'calls the handler of a receive mode that was not negotiated',
    seenBy: 'run',
    seed(device) {
      onCommand(device, (class_, command) => {
        if (class_ === 0 && command > 1 && !device.control.rxMode(command, Uint8Array.of(0)))
          crash('no handler for this receive mode');
        return undefined;
      });
    },
  }),
  net({
    id: 'net-breach/table-count-trusted',
    breaks: ['INV-ALIVE'],
    what: 'reads as many table entries as the count says',
    origin: 'NC-05: variant of QEMU CVE-2014-0150, size overflow',
    seenBy: 'run',
    seed(device) {
      const { control } = device;
      const { macTable } = control;
      control.macTable = (data, at) => {
        if (at + 4 <= data.length && control.macEntries(data, at) > 0xffff) crash('table out of bounds');
        return macTable.call(control, data, at);
      };
    },
  }),
  net({
    id: 'net-breach/half-a-table',
    breaks: ['P1.1-027q'],
    what: 'puts the unicast table in force before it finds the other one wrong',
    seed(device) {
      const { control } = device;
      const { macTableSet } = control;
      control.macTableSet = (data) => {
        const unicast = control.macTable(data, 0);
        if (unicast !== null) device.filter.unicast = new Set(unicast);
        return macTableSet.call(control, data);
      };
    },
  }),
  net({
    id: 'net-breach/wrong-half-sorted',
    breaks: ['INV-ALIVE'],
    what: 'sorts table entries by their first bit and runs out of room',
    seenBy: 'run',
    seed(device) {
      const { control } = device;
      const { applyMacTables } = control;
      control.applyMacTables = (unicast, multicast) => {
        const groups = unicast.filter((mac) => Math.floor(mac / 2 ** 40) % 2 === 1).length;
        if (groups > multicast.length / 2) crash('no room for a multicast address');
        applyMacTables.call(control, unicast, multicast);
      };
    },
  }),
  net({
    id: 'net-breach/vlan-bitmap',
    breaks: ['INV-ALIVE'],
    what: 'uses the VLAN id as an index without looking at its range',
    seenBy: 'run',
    seed(device) {
      const { control } = device;
      const { vlanId } = control;
      control.vlanId = (data) => {
        const id = vlanId.call(control, data);
        return id > 4095 ? crash('bitmap index out of range') : id;
      };
    },
  }),
  net({
    id: 'net-breach/short-argument',
    breaks: ['INV-ALIVE'],
    what: 'reads the argument of a receive mode that is not there',
    seenBy: 'run',
    seed(device) {
      onCommand(device, (class_, _command, data) =>
        class_ === 0 && data.length === 0 ? crash('argument out of bounds') : undefined,
      );
    },
  }),
];
