import type { Defect } from '../../defect.ts';
import { INVERTED, wrong } from '../wrong.ts';

/** Size of the header, num_buffers, and packets larger than a buffer. */
export const NET_RECEIVE_HEADER: readonly Defect[] = [
  wrong(
    'net-rx/header-ten-without-mrg',
    ['P1.1-027e'],
    'the header has 10 bytes unless mergeable buffers are in force',
    'FE-11: header size of the legacy interface',
    (device) => {
      device.headerLength = () => (device.mergeable ? 12 : 10);
    },
  ),
  wrong(
    'net-rx/num-buffers-descs',
    ['V1.1-5.1.6.3.2-D1'],
    'num_buffers counts descriptors',
    'virtio-win issue 1090',
    (device) => {
      device.rx.numBuffers = (used) => used.reduce((sum, { writable }) => sum + writable, 0);
    },
  ),
  wrong(
    'net-rx/spill-without-mrg',
    ['V1.1-5.1.6.3.2-D2'],
    'a long packet goes on in the next buffer, mergeable or not',
    INVERTED,
    (device) => {
      device.rx.enough = (lane, need) => lane.room >= need;
      device.rx.fits = () => true;
    },
  ),
  wrong(
    'net-rx/truncate-without-mrg',
    ['P1.1-027m'],
    'a packet that does not fit is cut off',
    INVERTED,
    (device) => {
      device.rx.fits = () => true;
    },
  ),
  wrong(
    'net-rx/num-buffers-zero',
    ['V1.1-5.1.6.4.1-D1'],
    'num_buffers stays 0 without mergeable buffers',
    'frequent defect',
    (device) => {
      device.rx.numBuffers = (used) => (device.mergeable ? used.length : 0);
    },
  ),
  wrong(
    'net-rx/num-buffers-be',
    ['V1.1-5.1.6.4.1-D1', 'V1.1-5.1.6.4.1-D2'],
    'num_buffers is big-endian',
    INVERTED,
    (device) => {
      device.rx.numBuffers = (used) => used.length << 8;
    },
  ),
  wrong(
    'net-rx/num-buffers-always-one',
    ['V1.1-5.1.6.4.1-D2'],
    'num_buffers is 1 however many buffers are used',
    INVERTED,
    (device) => {
      device.rx.numBuffers = () => 1;
    },
  ),
  wrong(
    'net-rx/num-buffers-late',
    ['V1.1-5.1.6.4.1-D2'],
    'num_buffers is written after the buffers were published',
    'NT-02: header patched too late',
    (device) => {
      const { use } = device.rx;
      device.rx.numBuffers = () => 1;
      device.rx.use = (queue, used, lengths) => {
        use.call(device.rx, queue, used, lengths);
        if (used.length > 1) queue.bufferDma!.put16(used[0].addr[used[0].readable] + 10, used.length);
      };
    },
    { seenBy: 'invariant' },
  ),
];
