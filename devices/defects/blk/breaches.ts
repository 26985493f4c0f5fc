import { IOERR } from '../../simulator/blk/commands.ts';
import { SECTOR } from '../../simulator/blk/disk.ts';
import { BLK_S, BLK_T } from '../../simulator/blk/request.ts';
import { loadReadable, storeWritable } from '../../simulator/buffer-io.ts';
import type { Defect } from '../defect.ts';
import { blk, moveMedium, OK, onSegments, onType } from './blk-defect.ts';

/** After a breach by the driver. */
export const BLK_BREACHES: readonly Defect[] = [
  blk({
    id: 'blk/position-wraps-round',
    breaks: ['P1.1-026c', 'P1.1-026i'],
    what: 'multiplies the sector by 512 in 64 bits before it checks the range, so that 2^55 is sector 0',
    origin: 'BK-02: Cloud Hypervisor, range checks that let requests out',
    seed(device) {
      const { inRange } = device;
      device.inRange = (sector, count) => inRange.call(device, sector % 2 ** 55, count);
      const { disk } = device;
      const { zero } = disk;
      moveMedium(device, (at) => at % 2 ** 64);
      disk.zero = (at, length, through) => zero.call(disk, at % 2 ** 64, length, through);
    },
  }),
  blk({
    id: 'blk/flush-writes-its-data',
    breaks: ['P1.1-026c'],
    what: 'stores the data of a flush on the disk',
    origin: 'text inverted',
    seed(device) {
      onType(device, BLK_T.FLUSH, (request, proper) => {
        if (request.dataOut > 0) device.command({ ...request, type: BLK_T.OUT });
        return proper();
      });
    },
  }),
  blk({
    id: 'blk/part-of-a-segment-executed',
    breaks: ['P1.1-026i'],
    what: 'carries out a segment of which only a part was sent, with what its buffer held before',
    origin: 'BK-07: Cloud Hypervisor and QEMU, discards that were not checked',
    seed(device) {
      onSegments(device, (request, proper) => {
        const whole = request.dataOut - (request.dataOut % 16);
        if (whole === request.dataOut) return proper();
        const stale = new Uint8Array(16).fill(0x10);
        loadReadable(request.dma, request.buffer, 16 + whole, stale, 0, request.dataOut - whole);
        const view = new DataView(stale.buffer);
        const count = view.getUint32(8, true) & 0xff;
        device.disk.zero((view.getUint32(0, true) % 64) * SECTOR, count * SECTOR, true);
        return OK;
      });
    },
  }),
  blk({
    id: 'blk/status-into-readable-byte',
    breaks: ['V1.1-2.6.5.1-D1a'],
    what: 'stores the status into the last byte of the request even if that one is for reading only',
    origin: 'text inverted',
    seenBy: 'invariant',
    seed(device) {
      const { execute } = device;
      device.execute = (queue, buffer) => {
        if (buffer.writable > 0) return execute.call(device, queue, buffer);
        const last = buffer.readable - 1;
        queue.bufferDma!.store(buffer.addr[last] + buffer.len[last] - 1, Uint8Array.of(BLK_S.IOERR), 0, 1);
        return 0;
      };
    },
  }),
  blk({
    id: 'blk/claims-data-it-did-not-read',
    breaks: ['V1.1-2.6.8.2-D2', 'P1.1-006'],
    what: 'counts the whole data in the used length of a failed read although it stored the status only',
    origin: 'text inverted',
    seenBy: 'invariant',
    seed(device) {
      device.finish = (request, outcome) => {
        device.storeStatus(request, outcome.status);
        return request.dataIn + 1;
      };
    },
  }),
  blk({
    id: 'blk/short-header-crash',
    breaks: ['INV-ALIVE'],
    what: 'crashes on a request that is shorter than a header',
    origin: 'BK-11: Cloud Hypervisor, early errors of the header',
    seenBy: 'run',
    seed(device) {
      device.shortRequest = () => {
        throw new RangeError('index 15 is out of range of the header');
      };
    },
  }),
  blk({
    id: 'blk/segment-table-overrun',
    breaks: ['INV-ALIVE'],
    what: 'crashes on more segments than its table holds',
    origin: 'text inverted',
    seenBy: 'run',
    seed(device) {
      onSegments(device, (request, proper) => {
        if (request.dataOut / 16 > 64) throw new RangeError('segment 64 is out of range of the table');
        return proper();
      });
    },
  }),
  blk({
    id: 'blk/dead-after-an-odd-request',
    breaks: ['INV-ALIVE'],
    what: 'answers every request with IOERR once it saw one without room for a status, reset or not',
    origin: 'text inverted',
    seed(device) {
      const { execute, command } = device;
      let dead = false;
      device.execute = (queue, buffer) => {
        if (buffer.writable === 0) dead = true;
        return execute.call(device, queue, buffer);
      };
      device.command = (request) => (dead ? IOERR : command.call(device, request));
    },
  }),
  blk({
    id: 'blk/legacy-type-crash',
    breaks: ['INV-ALIVE'],
    what: 'crashes on SCSI commands that it does not support',
    origin: 'text inverted',
    seenBy: 'run',
    seed(device) {
      const { command } = device;
      device.command = (request) => {
        if (request.type === 2 || request.type === 3) throw new TypeError('no handler for SCSI commands');
        return command.call(device, request);
      };
    },
  }),
  blk({
    id: 'blk/id-beyond-its-room',
    breaks: ['P1.1-025'],
    what: 'answers GET_ID without a status when there are exactly 20 bytes of room',
    origin: 'text inverted',
    seed(device) {
      const { storeStatus } = device;
      device.storeStatus = (request, status) => {
        if (request.type !== BLK_T.GET_ID) storeStatus.call(device, request, status);
        else storeWritable(request.dma, request.buffer, 0, device.serial(), 0, Math.min(20, request.dataIn));
      };
    },
  }),
];
