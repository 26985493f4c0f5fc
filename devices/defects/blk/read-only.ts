import { BLK_F } from '../../../specs/virtio-1.1/features.ts';
import type { BlkDevice } from '../../simulator/blk/blk-device.ts';
import { IOERR, type Outcome, UNSUPP } from '../../simulator/blk/commands.ts';
import { BLK_T } from '../../simulator/blk/request.ts';
import type { Defect } from '../defect.ts';
import { blk, OK, onType } from './blk-defect.ts';

/** Let the next command write although RO is offered. */
function asWritable(device: BlkDevice, action: () => Outcome): Outcome {
  const target = device as { readOnly: boolean };
  const before = target.readOnly;
  target.readOnly = false;
  try {
    return action();
  } finally {
    target.readOnly = before;
  }
}

const READ_ONLY = { 'read-only': 'yes' };

/** Read-only devices. */
export const BLK_READ_ONLY: readonly Defect[] = [
  blk({
    id: 'blk/read-only-unsupp',
    breaks: ['V1.1-5.2.6.2-D1a'],
    what: 'answers writes to a read-only disk with UNSUPP',
    origin: 'text inverted',
    options: READ_ONLY,
    fuzz: 'yes',
    seed(device) {
      onType(device, BLK_T.OUT, () => UNSUPP);
    },
  }),
  blk({
    id: 'blk/read-only-if-negotiated',
    breaks: ['V1.1-5.2.6.2-D1a', 'V1.1-5.2.6.2-D1b', 'P1.1-024'],
    what: 'refuses writes only when the driver negotiated RO',
    origin: 'FE-10: Cloud Hypervisor, read-only could be negotiated away',
    options: READ_ONLY,
    fuzz: 'yes',
    seed(device) {
      onType(device, BLK_T.OUT, (_, proper) =>
        device.negotiated(BLK_F.RO) ? proper() : asWritable(device, proper),
      );
    },
  }),
  blk({
    id: 'blk/read-only-but-written',
    breaks: ['V1.1-5.2.6.2-D1b', 'P1.1-024'],
    what: 'answers a write to a read-only disk with IOERR and stores the data all the same',
    origin: 'text inverted',
    options: READ_ONLY,
    fuzz: 'yes',
    seed(device) {
      onType(device, BLK_T.OUT, (_, proper) => {
        asWritable(device, proper);
        return IOERR;
      });
    },
  }),
  blk({
    id: 'blk/read-only-ok',
    breaks: ['V1.1-5.2.6.2-D1a', 'P1.1-024'],
    what: 'answers a write to a read-only disk with OK and drops the data',
    origin: 'BK-20: class of the Cloud Hypervisor read-only bug',
    options: READ_ONLY,
    fuzz: 'yes',
    seed(device) {
      onType(device, BLK_T.OUT, () => OK);
    },
  }),
  blk({
    id: 'blk/read-only-unless-in-one-piece',
    breaks: ['V1.1-5.2.6.2-D1a', 'V1.1-5.2.6.2-D1b'],
    what: 'lets a write to a read-only disk through when header and data share a descriptor',
    origin: 'text inverted',
    options: READ_ONLY,
    fuzz: 'yes',
    seed(device) {
      onType(device, BLK_T.OUT, (request, proper) =>
        request.buffer.readable === 1 ? asWritable(device, proper) : proper(),
      );
    },
  }),
];
