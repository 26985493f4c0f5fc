import { RingError } from '../../../framework/virtqueue/device/ring.ts';
import { DESC_F } from '../../../specs/virtio-1.1/ring-layout.ts';
import type { BlkDevice } from '../../simulator/blk/blk-device.ts';
import { BLK_S } from '../../simulator/blk/request.ts';
import { BLK, BOTH, type Defect, defineDefect } from '../defect.ts';
import { inRing } from './ring-defect.ts';

/** Elements after which a walk without a limit has used up the memory of its host. */
const OUT_OF_MEMORY = 100_000;

/** The driver breaks a rule, and the device does not survive it. */
export const SPLIT_SURVIVAL: readonly Defect[] = [
  inRing(
    {
      id: 'split/endless-chain',
      breaks: ['INV-ALIVE'],
      what: 'collects the descriptors of a chain without a limit, until its memory is exhausted',
      origin: 'SP-13: DPDK 450539b47e, CVE-2023-5158',
      seenBy: 'run',
    },
    (ring) => {
      ring.walkChain = (buffer, head) => {
        let index = head;
        for (let count = 1; count < OUT_OF_MEMORY; count++) {
          ring.readDescriptor(index);
          const flags = ring.descFlags;
          buffer.last = index;
          if (ring.isIndirect(flags, count)) {
            ring.checkIndirect(flags, ring.descLen);
            ring.walkTable(buffer, ring.descAddr, ring.tableEntries(ring.descLen));
            return;
          }
          ring.addElement(buffer, ring.descAddr, ring.descLen, (flags & DESC_F.WRITE) !== 0);
          if ((flags & DESC_F.NEXT) === 0) return;
          index = ring.descNext;
          if (index >= ring.num) throw ring.nextOutOfRange(index, ring.num);
        }
        throw new Error('out of memory');
      };
    },
  ),
  inRing(
    {
      id: 'split/endless-table',
      breaks: ['INV-ALIVE'],
      what: 'walks an indirect table without a limit, until its memory is exhausted',
      origin: 'IN-07: Linux vringh dbd29e075228',
      seenBy: 'run',
    },
    (ring) => {
      ring.walkTable = (buffer, table, entries) => {
        let index = 0;
        for (let count = 0; count < OUT_OF_MEMORY; count++) {
          ring.readTableEntry(table, index);
          const flags = ring.descFlags;
          ring.addElement(buffer, ring.descAddr, ring.descLen, (flags & DESC_F.WRITE) !== 0);
          if ((flags & DESC_F.NEXT) === 0) return;
          index = ring.descNext;
          if (index >= entries) throw ring.nextOutOfRange(index, entries);
        }
        throw new Error('out of memory');
      };
    },
  ),
  inRing(
    {
      id: 'split/recursive-tables',
      breaks: ['INV-ALIVE'],
      what: 'follows tables inside tables by recursion',
      origin: 'text inverted',
      seenBy: 'run',
    },
    (ring) => {
      ring.walkTable = (buffer, table, entries) => {
        let index = 0;
        for (let count = 1; count <= entries; count++) {
          ring.readTableEntry(table, index);
          const { descFlags, descAddr, descLen, descNext } = ring;
          if ((descFlags & DESC_F.INDIRECT) !== 0) ring.walkTable(buffer, descAddr, descLen / 16);
          else ring.addElement(buffer, descAddr, descLen, (descFlags & DESC_F.WRITE) !== 0);
          if ((descFlags & DESC_F.NEXT) === 0) return;
          index = descNext;
          if (index >= entries) throw ring.nextOutOfRange(index, entries);
        }
        throw new RingError('chain-too-long', 'a table that leads in a circle');
      };
    },
  ),
  inRing(
    {
      id: 'split/head-not-checked',
      breaks: ['INV-ALIVE'],
      what: 'looks the request of a head up without checking that there is one',
      origin: 'SP-14: DPDK 6ec1778134',
      seenBy: 'run',
    },
    (ring) => {
      const { readHead } = ring;
      const requests = Array.from({ length: ring.num }, () => ({ started: 0 }));
      ring.readHead = (slot) => {
        const head = readHead.call(ring, slot);
        requests[head].started++;
        return head;
      };
    },
  ),
  inRing(
    {
      id: 'split/believes-avail-index',
      breaks: ['INV-ALIVE'],
      what: 'works on as many buffers as the available index claims, however many the ring holds',
      origin: 'text inverted',
      seenBy: 'run',
    },
    (ring) => {
      ring.checkAvailable = () => {};
    },
  ),
  defineDefect({
    id: 'split/never-recovers',
    parents: BOTH,
    breaks: ['INV-ALIVE'],
    what: 'stays dead after a malformed ring, whatever is reset',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      let dead = false;
      const { runnable, serveFailed } = device;
      device.serveFailed = (queue, error) => {
        dead = true;
        return serveFailed.call(device, queue, error);
      };
      device.runnable = (queue) => !dead && runnable.call(device, queue);
    },
  }),
  inRing(
    {
      id: 'split/parts-by-count',
      breaks: ['V1.1-2.6.5.1-D1a'],
      parents: BLK,
      what: 'counts readable and writable descriptors and takes the first ones for readable',
      origin: 'SP-19: class of DPDK 409c47c7c5',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.addElement = (buffer, addr, len, writable) => {
        const at = buffer.readable + buffer.writable;
        if (writable) buffer.writable++;
        else buffer.readable++;
        buffer.addr[at] = addr;
        buffer.len[at] = len;
      };
    },
  ),
  defineDefect<BlkDevice>({
    id: 'split/status-into-last-descriptor',
    parents: BLK,
    breaks: ['V1.1-2.6.5.1-D1a'],
    what: 'stores the status in the last descriptor, writable or not',
    origin: 'SP-19: class of DPDK 409c47c7c5',
    seenBy: 'invariant',
    fuzz: 'yes',
    seed(device) {
      const { execute } = device;
      device.execute = (queue, buffer) => {
        if (buffer.writable === 0 && buffer.readable > 0) {
          const last = buffer.readable - 1;
          queue.bufferDma!.put8(buffer.addr[last] + buffer.len[last] - 1, BLK_S.IOERR);
        }
        return execute.call(device, queue, buffer);
      };
    },
  }),
  inRing(
    {
      id: 'split/table-length-rounded-up',
      parents: BLK,
      breaks: ['INV-WRITE-SCOPE'],
      what: 'rounds the length of a table up to whole entries',
      origin: 'IN-02: class of DPDK 4800639000',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.checkIndirect = () => {};
      ring.tableEntries = (length) => Math.ceil(length / 16);
    },
  ),
  inRing(
    {
      id: 'split/table-without-translation',
      breaks: ['INV-MAPPING'],
      what: 'takes the address of a table for a physical one where no mapping is found',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring, _, device) => {
      const { readTableEntry } = ring;
      ring.readTableEntry = (table, index) => {
        try {
          readTableEntry.call(ring, table, index);
        } catch {
          ring.descAddr = device.port.get64(table + 16 * index);
        }
      };
    },
  ),
];
