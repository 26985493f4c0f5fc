import type { Defect } from '../../defect.ts';
import { net } from '../net-defect.ts';

/** Tables of MAC addresses. */
export const NET_FILTER_TABLES: readonly Defect[] = [
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
];
