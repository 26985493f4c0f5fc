import type { BlkDevice } from '../../simulator/blk/blk-device.ts';
import { BLK_S } from '../../simulator/blk/request.ts';
import type { NetDevice } from '../../simulator/net/net-device.ts';
import { BLK, type Defect, defineDefect, NET } from '../defect.ts';
import { inRing } from './ring-defect.ts';

/** Assumptions about message framing. */
export const SPLIT_FRAMING: readonly Defect[] = [
  defineDefect<BlkDevice>({
    id: 'split/blk-header-of-16-bytes',
    parents: BLK,
    breaks: ['V1.1-2.6.4.1-D1'],
    what: 'answers with an I/O error unless the first descriptor is exactly the header',
    origin: 'SP-17: QEMU 7882080388, Firecracker 32595c864',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { command } = device;
      device.command = (request) =>
        request.buffer.len[0] === 16 ? command.call(device, request) : { status: BLK_S.IOERR, written: 0 };
    },
  }),
  defineDefect<BlkDevice>({
    id: 'split/blk-status-descriptor-of-its-own',
    parents: BLK,
    breaks: ['V1.1-2.6.4.1-D1'],
    what: 'answers reads with an I/O error unless the last descriptor is exactly the status byte',
    origin: 'SP-17: QEMU 7882080388',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { command } = device;
      device.command = (request) =>
        request.buffer.len[request.buffer.readable + request.buffer.writable - 1] === 1
          ? command.call(device, request)
          : { status: BLK_S.IOERR, written: 0 };
    },
  }),
  defineDefect<NetDevice>({
    id: 'split/net-header-within-one-descriptor',
    parents: NET,
    breaks: ['V1.1-2.6.4.1-D1'],
    what: 'drops frames whose header is spread over descriptors',
    origin: 'SP-17: DPDK f1a519ad98',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { process } = device.tx;
      device.tx.process = (queue, buffer) =>
        buffer.len[0] < 12 ? 0 : process.call(device.tx, queue, buffer);
    },
  }),
  inRing(
    {
      id: 'split/walks-table-upwards',
      breaks: ['V1.1-2.6.4.1-D1'],
      what: 'takes the descriptor behind the current one for the next of the chain',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.nextIndex = (index) => (index + 1) % ring.num;
    },
  ),
];
