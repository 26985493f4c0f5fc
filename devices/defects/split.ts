import { RingError, writableBytes } from '../../framework/virtqueue/device/ring.ts';
import type { SplitDeviceRing } from '../../framework/virtqueue/device/split.ts';
import { availEventOffset, DESC_F, SPLIT_USED } from '../../specs/virtio-1.1/ring-layout.ts';
import type { BlkDevice } from '../simulator/blk/blk-device.ts';
import { BLK_S } from '../simulator/blk/request.ts';
import type { SimulatorDevice } from '../simulator/core.ts';
import type { NetDevice } from '../simulator/net/net-device.ts';
import type { SimQueue } from '../simulator/queue.ts';
import { type Defect, defineDefect, onPackedRing, onSplitRing } from './defect.ts';

const BOTH = ['simulator-net', 'simulator-blk'] as const;
const BLK = ['simulator-blk'] as const;
const NET = ['simulator-net'] as const;

/** A defect in the device side of the split ring, seen on any device type. */
function inRing(
  defect: Omit<Defect, 'parents' | 'seed' | 'fuzz'> & Partial<Pick<Defect, 'parents' | 'fuzz'>>,
  change: (ring: SplitDeviceRing, queue: SimQueue, device: SimulatorDevice) => void,
): Defect {
  return defineDefect({
    parents: BOTH,
    fuzz: 'yes',
    ...defect,
    seed: (device) => onSplitRing(device, (ring, queue) => change(ring, queue, device)),
  });
}

/** Address of the last device-writable byte of `buffer`, or -1. */
function lastByte(buffer: {
  readable: number;
  writable: number;
  addr: readonly number[];
  len: readonly number[];
}): number {
  if (buffer.writable === 0) return -1;
  const last = buffer.readable + buffer.writable - 1;
  return buffer.addr[last] + buffer.len[last] - 1;
}

const layout: readonly Defect[] = [
  inRing(
    {
      id: 'split/clears-avail-flags',
      breaks: ['P1.1-017a'],
      what: 'acknowledges the interrupt flag of the available ring by clearing it',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      const { commit } = ring;
      ring.commit = () => {
        commit.call(ring);
        ring.ringDma.put16(ring.availBase, 0);
      };
    },
  ),
  inRing(
    {
      id: 'split/unlinks-descriptors',
      breaks: ['P1.1-017a'],
      what: 'takes a chain out of the descriptor table by clearing the head’s next field',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      const { walkChain } = ring;
      ring.walkChain = (buffer, head) => {
        walkChain.call(ring, buffer, head);
        ring.ringDma.put16(ring.descBase + 16 * head + 14, 0);
      };
    },
  ),
  inRing(
    {
      id: 'split/used-modulus-largest-size',
      breaks: ['P1.1-017b'],
      what: 'takes the largest queue size, not the configured one, as modulus of the used ring',
      origin: 'QS-02: the device works with its maximum instead of the configured size',
      seenBy: 'invariant',
    },
    (ring, _, device) => {
      ring.usedSlot = (index) => index % device.profile.numMax;
    },
  ),
  inRing(
    {
      id: 'split/avail-event-at-largest-size',
      breaks: ['P1.1-017b'],
      what: 'stores avail_event where it would be in a ring of the largest size',
      origin: 'EV-17: event word computed with the maximum size',
      seenBy: 'invariant',
    },
    (ring, _, device) => {
      ring.storeAvailEvent = (index) =>
        ring.ringDma.put16(ring.usedBase + availEventOffset(device.profile.numMax), index);
    },
  ),
  inRing(
    {
      id: 'split/full-ring-looks-empty',
      breaks: ['P1.1-017f'],
      what: 'counts available buffers modulo the queue size, so that a full ring counts as empty',
      origin: 'SP-11: SPDK 808a2b05c2',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.availableCount = () => ((ring.availIndex - ring.nextAvail) & 0xffff) % ring.num;
    },
  ),
];

const framing: readonly Defect[] = [
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

const descriptors: readonly Defect[] = [
  inRing(
    {
      id: 'split/scribbles-in-header',
      breaks: ['V1.1-2.6.5.1-D1a'],
      what: 'keeps a note of its own in bytes 4 to 7 of the request header',
      origin: 'SP-19: class of DPDK 409c47c7c5',
      seenBy: 'invariant',
    },
    (ring) => {
      const { complete } = ring;
      ring.complete = (buffer, written) => {
        if (buffer.readable > 0 && buffer.len[0] >= 8) ring.tableDma.put32(buffer.addr[0] + 4, 0x600d);
        complete.call(ring, buffer, written);
      };
    },
  ),
  inRing(
    {
      id: 'split/reads-writable-memory',
      breaks: ['V1.1-2.6.5.1-D1b'],
      what: 'reads the first device-writable byte before it writes there',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      const { take } = ring;
      const scratch = new Uint8Array(1);
      ring.take = (buffer) => {
        const taken = take.call(ring, buffer);
        if (taken && buffer.writable > 0) ring.tableDma.load(buffer.addr[buffer.readable], 1, scratch, 0);
        return taken;
      };
    },
  ),
  inRing(
    {
      id: 'split/write-flag-hides-indirect',
      breaks: ['V1.1-2.6.5.3.2-D1'],
      what: 'takes a descriptor with INDIRECT and WRITE for a plain writable one',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.isIndirect = (flags) => (flags & (DESC_F.INDIRECT | DESC_F.WRITE)) === DESC_F.INDIRECT;
    },
  ),
  inRing(
    {
      id: 'split/write-flag-spreads-over-table',
      breaks: ['V1.1-2.6.5.3.2-D1'],
      what: 'takes all entries of a table for writable when the descriptor that refers to it has WRITE',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      const { walkTable, addElement } = ring;
      ring.walkTable = (buffer, table, entries) => {
        if ((ring.descFlags & DESC_F.WRITE) === 0) walkTable.call(ring, buffer, table, entries);
        else {
          ring.addElement = (into, addr, len) => addElement.call(ring, into, addr, len, true);
          walkTable.call(ring, buffer, table, entries);
          ring.addElement = addElement;
        }
      };
    },
  ),
  inRing(
    {
      id: 'split/indirect-in-head-only',
      breaks: ['V1.1-2.6.5.3.2-D2'],
      what: 'looks for INDIRECT in the first descriptor of a chain alone',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.isIndirect = (flags, count) => count === 1 && (flags & DESC_F.INDIRECT) !== 0;
    },
  ),
  inRing(
    {
      id: 'split/table-in-sequence',
      breaks: ['P1.1-017c'],
      what: 'reads the entries of a table one after the other, as in a packed ring',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.nextIndirectIndex = (index) => index + 1;
    },
  ),
  inRing(
    {
      id: 'split/table-must-be-aligned',
      breaks: ['P1.1-017c'],
      what: 'drops buffers whose table does not lie at a multiple of 16',
      origin: 'IN-13: rust-vmm 922f2e5',
      seenBy: 'expectation',
    },
    (ring) => {
      const { walkTable } = ring;
      ring.walkTable = (buffer, table, entries) => {
        if (table % 16 === 0) walkTable.call(ring, buffer, table, entries);
      };
    },
  ),
  inRing(
    {
      id: 'split/table-by-length',
      breaks: ['P1.1-017d'],
      what: 'takes every entry that the length of a table has room for',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.walkTable = (buffer, table, entries) => {
        for (let i = 0; i < entries; i++) {
          ring.readTableEntry(table, i);
          ring.addElement(buffer, ring.descAddr, ring.descLen, (ring.descFlags & DESC_F.WRITE) !== 0);
        }
      };
    },
  ),
];

const notifications: readonly Defect[] = [
  inRing(
    {
      id: 'split/used-event-without-feature',
      breaks: ['V1.1-2.6.7.2-D1'],
      what: 'goes by used_event although EVENT_IDX was not negotiated',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      const { wantsNotification } = ring;
      ring.wantsNotification = (count) =>
        wantsNotification.call(ring, count) &&
        ring.needEvent(ring.readUsedEvent(), ring.usedIndex, (ring.usedIndex - count) & 0xffff);
    },
  ),
  inRing(
    {
      id: 'split/no-interrupt-flag-ignored',
      breaks: ['V1.1-2.6.7.2-D2'],
      what: 'notifies although avail.flags is 1',
      origin: 'EV-02: text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      if (!ring.config.eventIdx) ring.wantsNotification = () => true;
    },
  ),
  inRing(
    {
      id: 'split/notifies-when-empty',
      breaks: ['V1.1-2.6.7.2-D3'],
      what: 'notifies only when no buffer is left to be used',
      origin: 'EV-16: ACRN fa375a2aa',
      seenBy: 'expectation',
    },
    (ring) => {
      if (!ring.config.eventIdx) ring.wantsNotification = () => ring.readAvailFlags() === 0 && !ring.probe();
    },
  ),
  defineDefect({
    id: 'split/notifies-before-index',
    parents: BOTH,
    breaks: ['V1.1-2.6.7.2-D3'],
    what: 'sends the notification before the used index moves',
    origin: 'class of DPDK ca4cc612d7',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.publish = (queue) => {
        const { ring } = queue;
        const wanted = ring !== null && !queue.packed && (ring as SplitDeviceRing).wantsNotification(1);
        if (wanted) device.interrupt(queue);
        ring!.publish();
        if (ring!.needsNotification() && !wanted) device.interrupt(queue);
      };
    },
  }),
  defineDefect({
    id: 'split/notifies-once-per-kick',
    parents: BOTH,
    breaks: ['V1.1-2.6.7.2-D3'],
    what: 'notifies for the first used buffer after a kick only',
    origin: 'IR-10: DPDK d76a17f7b8',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const told = new Set<SimQueue>();
      const { interrupt, kickVq } = device;
      device.kickVq = (idx) => {
        told.delete(device.queues[idx]);
        kickVq.call(device, idx);
      };
      device.interrupt = (queue) => {
        if (told.has(queue)) return;
        told.add(queue);
        interrupt.call(device, queue);
      };
    },
  }),
  inRing(
    {
      id: 'split/remembers-silence',
      breaks: ['V1.1-2.6.7.2-D3'],
      what: 'stays silent for good once it has seen avail.flags 1',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      let silent = false;
      const { readAvailFlags } = ring;
      ring.readAvailFlags = () => {
        silent ||= readAvailFlags.call(ring) !== 0;
        return silent ? 1 : 0;
      };
    },
  ),
  inRing(
    {
      id: 'split/flag-and-event',
      breaks: ['V1.1-2.6.7.2-D4'],
      what: 'wants both avail.flags 0 and used_event reached',
      origin: 'EV-01: class of Cloud Hypervisor 1da37c7bb',
      seenBy: 'expectation',
    },
    (ring) => {
      const { wantsNotification } = ring;
      ring.wantsNotification = (count) =>
        wantsNotification.call(ring, count) && (ring.readAvailFlags() & 1) === 0;
    },
  ),
  defineDefect({
    id: 'split/event-last-of-batch',
    parents: BOTH,
    breaks: ['V1.1-2.6.7.2-D5'],
    what: 'compares used_event with the last index of what it publishes together',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    options: { variant: 'coalesce' },
    seed(device) {
      device.publish = (queue) => {
        queue.flushDue = true;
      };
      onSplitRing(device, (ring) => {
        ring.needEvent = (event, now) => event === ((now - 1) & 0xffff);
      });
    },
  }),
  inRing(
    {
      id: 'split/event-without-wrap',
      breaks: ['V1.1-2.6.7.2-D5'],
      what: 'compares used_event as a plain number, not modulo 65536',
      origin: 'EV-05: class of QEMU 750539c4c4',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.needEvent = (event, now, old) => event >= old && event < now;
    },
  ),
  inRing(
    {
      id: 'split/event-off-by-one',
      breaks: ['V1.1-2.6.7.2-D5'],
      what: 'waits until the used index has reached used_event, which is one later',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.needEvent = (event, now, old) => ((now - event) & 0xffff) < ((now - old) & 0xffff);
    },
  ),
  defineDefect({
    id: 'split/signalled-index-survives-reset',
    parents: BOTH,
    breaks: ['V1.1-2.6.7.2-D5'],
    what: 'goes on with the index at which it notified last, from before a reset',
    origin: 'EV-04: DPDK 2f706027c8, crosvm 078ef31b7',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const signalled = new Map<number, number>();
      onSplitRing(device, (ring, queue) => {
        if (!ring.config.eventIdx) return;
        ring.wantsNotification = (count) => {
          const old = signalled.get(queue.index) ?? (ring.usedIndex - count) & 0xffff;
          const wanted = ring.needEvent(ring.readUsedEvent(), ring.usedIndex, old);
          if (wanted) signalled.set(queue.index, ring.usedIndex);
          return wanted;
        };
      });
    },
  }),
  inRing(
    {
      id: 'split/notifies-whatever-the-event',
      breaks: ['V1.1-2.6.7.2-D6'],
      what: 'notifies for every used buffer, whatever used_event says',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      if (ring.config.eventIdx) ring.wantsNotification = () => true;
    },
  ),
];

const usedRing: readonly Defect[] = [
  inRing(
    {
      id: 'split/index-before-element',
      breaks: ['V1.1-2.6.8.2-D1'],
      what: 'moves the used index first and writes the elements afterwards',
      origin: 'SP-07: DPDK 159793ac86, ACRN 6f482b885',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.commit = () => {
        const count = ring.pending;
        const index = ring.advanceIndex(ring.usedIndex, count);
        ring.storeUsedIndex(index);
        ring.writeUsedEntries(count);
        ring.advanceUsed(index, count);
      };
    },
  ),
  inRing(
    {
      id: 'split/length-after-index',
      breaks: ['V1.1-2.6.8.2-D1'],
      what: 'stores the length of an element once more after the index covered it',
      origin: 'SP-07: class of SPDK df8d361f6c',
      seenBy: 'invariant',
    },
    (ring) => {
      const { commit } = ring;
      ring.commit = () => {
        const slot = ring.usedSlot(ring.usedIndex);
        const len = ring.pendingLen[0];
        commit.call(ring);
        ring.ringDma.put32(ring.usedBase + SPLIT_USED.ring + SPLIT_USED.entrySize * slot + 4, len);
      };
    },
  ),
  inRing(
    {
      id: 'split/length-counts-readable',
      breaks: ['V1.1-2.6.8.2-D2'],
      what: 'counts the bytes that it read into the used length',
      origin: 'SP-01: Cloud Hypervisor 746114319, DPDK 69244dbc48',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.usedLength = (buffer, written) => {
        let sum = written;
        for (let i = 0; i < buffer.readable; i++) sum += buffer.len[i];
        return sum;
      };
    },
  ),
  inRing(
    {
      id: 'split/length-of-all-writable-and-more',
      breaks: ['V1.1-2.6.8.2-D2'],
      what: 'reports one byte more than it wrote',
      origin: 'class of SP-01',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.usedLength = (_, written) => written + 1;
    },
  ),
  defineDefect<BlkDevice>({
    id: 'split/length-of-status-only',
    parents: BLK,
    breaks: ['V1.1-2.6.8.2-D2'],
    what: 'reports length 1 for a failed read, of which only the last byte was written',
    origin: 'class of SP-01',
    seenBy: 'invariant',
    fuzz: 'yes',
    seed(device) {
      const { finish } = device;
      device.finish = (request, outcome) => {
        if (outcome.written === request.dataIn) return finish.call(device, request, outcome);
        device.storeStatus(request, outcome.status);
        return 1;
      };
    },
  }),
  inRing(
    {
      id: 'split/length-without-last-byte',
      parents: BLK,
      breaks: ['P1.1-016'],
      what: 'reports one byte less than it wrote',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.usedLength = (_, written) => Math.max(0, written - 1);
    },
  ),
  inRing(
    {
      id: 'split/id-of-last-descriptor',
      breaks: ['P1.1-016'],
      what: 'names the last descriptor of a chain in the used element',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.usedId = (buffer) => buffer.last;
    },
  ),
  inRing(
    {
      id: 'split/id-of-slot',
      breaks: ['P1.1-016'],
      what: 'names the slot of the used ring instead of the head',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.usedId = () => ring.slotOf(ring.usedIndex + ring.pending - 1);
    },
  ),
  inRing(
    {
      id: 'split/id-with-upper-half',
      breaks: ['P1.1-016'],
      what: 'leaves bits of its own in the upper half of the id',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.usedId = (buffer) => buffer.id + 0x1_0000;
    },
  ),
  inRing(
    {
      id: 'split/uses-fourth-buffer-twice',
      breaks: ['P1.1-016'],
      what: 'gives every fourth buffer back twice',
      origin: 'SP-05: QEMU 10f5a72f70',
      seenBy: 'invariant',
    },
    (ring) => {
      let count = 0;
      const { complete } = ring;
      ring.complete = (buffer, written) => {
        complete.call(ring, buffer, written);
        if (++count % 4 !== 0) return;
        ring.pendingId[ring.pending] = ring.pendingId[ring.pending - 1];
        ring.pendingLen[ring.pending] = ring.pendingLen[ring.pending - 1];
        ring.pending++;
      };
    },
  ),
  inRing(
    {
      id: 'split/used-index-modulo-size',
      breaks: ['P1.1-015'],
      what: 'stores the used index modulo the queue size',
      origin: 'SP-08: DPDK 38e6400387',
      seenBy: 'invariant',
    },
    (ring) => {
      const { storeUsedIndex } = ring;
      ring.storeUsedIndex = (index) => storeUsedIndex.call(ring, ring.slotOf(index));
    },
  ),
  defineDefect({
    id: 'split/used-index-survives-reset',
    parents: BOTH,
    breaks: ['P1.1-015'],
    what: 'counts on after a reset',
    origin: 'text inverted',
    seenBy: 'invariant',
    fuzz: 'yes',
    seed(device) {
      const reached = new Map<number, number>();
      onSplitRing(device, (ring, queue) => {
        if (ring.usedIndex === 0) ring.usedIndex = reached.get(queue.index) ?? 0;
        const { advanceUsed } = ring;
        ring.advanceUsed = (index, count) => {
          advanceUsed.call(ring, index, count);
          reached.set(queue.index, index);
        };
      });
    },
  }),
  inRing(
    {
      id: 'split/used-index-saturates',
      breaks: ['P1.1-015'],
      what: 'never lets the used index go over 65535',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.advanceIndex = (index, count) => Math.min(0xffff, index + count);
    },
  ),
  defineDefect({
    id: 'split/stores-status-again',
    parents: BLK,
    breaks: ['P1.1-017j'],
    what: 'stores the last byte of a buffer once more after the used index covered it',
    origin: 'text inverted',
    seenBy: 'invariant',
    fuzz: 'yes',
    seed(device) {
      let due: { queue: SimQueue; at: number } | null = null;
      const { giveBack, publish } = device;
      device.giveBack = (queue, buffer, written) => {
        const at = lastByte(buffer);
        due = at < 0 || written === 0 ? null : { queue, at };
        giveBack.call(device, queue, buffer, written);
      };
      device.publish = (queue) => {
        publish.call(device, queue);
        if (due !== null && due.queue === queue) queue.bufferDma!.put8(due.at, 0);
        due = null;
      };
    },
  }),
  defineDefect({
    id: 'split/repeats-a-transfer',
    parents: BLK,
    breaks: ['P1.1-017j'],
    what: 'repeats the last byte of a transfer when the next buffer comes in',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const last = new Map<SimQueue, number>();
      const { giveBack, take } = device;
      device.giveBack = (queue, buffer, written) => {
        if (written > 0) last.set(queue, lastByte(buffer));
        giveBack.call(device, queue, buffer, written);
      };
      device.take = (queue) => {
        const buffer = take.call(device, queue);
        const at = last.get(queue) ?? -1;
        if (buffer !== null && at >= 0) queue.bufferDma!.put8(at, 0);
        last.delete(queue);
        return buffer;
      };
    },
  }),
];

const kicks: readonly Defect[] = [
  inRing(
    {
      id: 'split/used-flags-reserved-bit',
      breaks: ['V1.1-2.6.10.2-D1'],
      what: 'marks itself busy with a reserved bit of used.flags',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.refuseKicks = () => {
        if (!ring.config.eventIdx) ring.storeUsedFlags(2);
      };
    },
  ),
  inRing(
    {
      id: 'split/used-flags-with-event-idx',
      breaks: ['V1.1-2.6.10.2-D3'],
      what: 'sets used.flags while it works although EVENT_IDX was negotiated',
      origin: 'EV-08: text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      const { requestKicks } = ring;
      ring.refuseKicks = () => ring.storeUsedFlags(1);
      ring.requestKicks = () => {
        ring.storeUsedFlags(0);
        requestKicks.call(ring);
      };
    },
  ),
  defineDefect({
    id: 'split/kick-count-is-request-count',
    parents: BOTH,
    breaks: ['V1.1-2.6.10.2-D5'],
    what: 'takes one buffer for every kick, available or not',
    origin: 'SP-26: SPDK 7a3246bfb2',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const owed = new Map<SimQueue, number>();
      const { kickVq } = device;
      device.kickVq = (idx) => {
        const queue = device.queues[idx];
        if (queue !== undefined) owed.set(queue, (owed.get(queue) ?? 0) + 1);
        kickVq.call(device, idx);
      };
      onSplitRing(device, (ring, queue) => {
        owed.set(queue, 0);
        const { availableCount, take } = ring;
        ring.availableCount = () => availableCount.call(ring) || ((owed.get(queue) ?? 0) > 0 ? 1 : 0);
        ring.take = (buffer) => {
          ring.availIndex = ring.readAvailIndex();
          const taken = take.call(ring, buffer);
          if (taken) owed.set(queue, Math.max(0, (owed.get(queue) ?? 0) - 1));
          return taken;
        };
      });
    },
  }),
  defineDefect({
    id: 'split/empty-kick-is-an-error',
    parents: BOTH,
    breaks: ['V1.1-2.6.10.2-D5'],
    what: 'needs a reset after a kick of an empty ring',
    origin: 'EV-10: class of QEMU 4eae2a657d',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { kickVq } = device;
      device.kickVq = (idx) => {
        kickVq.call(device, idx);
        const queue = device.queues[idx];
        if (queue?.ring && !queue.packed && !queue.ring.hasAvailable())
          device.needsReset('kicked for nothing');
      };
    },
  }),
  defineDefect({
    id: 'split/sleeps-without-asking',
    parents: BOTH,
    breaks: ['P1.1-017g'],
    what: 'goes to sleep without asking for kicks again',
    origin: 'EV-07: class of Cloud Hypervisor 72b736153',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { sleep } = device;
      device.sleep = (queue) => {
        if (queue.packed) return sleep.call(device, queue);
        queue.pending = false;
        return true;
      };
    },
  }),
  defineDefect({
    id: 'split/sleeps-without-looking-again',
    parents: BOTH,
    breaks: ['P1.1-017g'],
    what: 'asks for kicks and goes to sleep without looking at the available index once more',
    origin: 'EV-07: Cloud Hypervisor 72b736153',
    seenBy: 'expectation',
    fuzz: 'needs a driver that acts between two accesses of the device',
    seed(device) {
      const { sleep } = device;
      device.sleep = (queue) => {
        if (queue.packed) return sleep.call(device, queue);
        queue.kicksOff = false;
        (queue.ring as SplitDeviceRing).requestKicks();
        queue.pending = false;
        return true;
      };
    },
  }),
  defineDefect({
    id: 'split/one-request-per-kick',
    parents: BOTH,
    breaks: ['P1.1-017g'],
    what: 'serves one request for each kick and waits for the next one',
    origin: 'SP-25: QEMU f8693c2cd0, Firecracker 048128270',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { serve } = device;
      device.serve = (queue) => {
        const done = serve.call(device, queue);
        if (done > 0 && !queue.packed && queue.ring !== null) device.sleep(queue);
        queue.pending &&= queue.packed;
        return done;
      };
    },
  }),
];

const available: readonly Defect[] = [
  inRing(
    {
      id: 'split/avail-index-without-wrap',
      breaks: ['P1.1-017e'],
      what: 'compares the available index as a plain number, and stops at 65535',
      origin: 'SP-10: class of SPDK d03cac1310',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.availableCount = () => Math.max(0, ring.availIndex - ring.nextAvail);
    },
  ),
  inRing(
    {
      id: 'split/heads-in-table-order',
      breaks: ['P1.1-017e'],
      what: 'takes slot i of the descriptor table for the head in slot i of the available ring',
      origin: 'IO-08: text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.readHead = (slot) => slot;
    },
  ),
  inRing(
    {
      id: 'split/one-buffer-per-index-update',
      breaks: ['P1.1-017e'],
      what: 'takes one buffer whenever the available index has moved, by however much',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      const { take } = ring;
      ring.take = (buffer) => {
        const taken = take.call(ring, buffer);
        ring.nextAvail = ring.availIndex;
        return taken;
      };
    },
  ),
];

/** Defects of in-order use start from a device that makes batches. */
const BATCHING = { variant: 'batching' } as const;

const inOrder: readonly Defect[] = [
  inRing(
    {
      id: 'split/batch-at-last-position',
      breaks: ['P1.1-017h'],
      what: 'writes the used element of a batch at the position of its last buffer',
      origin: 'IO-05: text inverted',
      seenBy: 'expectation',
      options: BATCHING,
    },
    (ring) => {
      if (!ring.config.inOrder) return;
      ring.writeUsedEntries = (count) => {
        const slot = ring.usedSlot(ring.advanceIndex(ring.usedIndex, count - 1));
        ring.writeUsedElement(slot, ring.pendingId[count - 1], ring.pendingLen[count - 1]);
      };
    },
  ),
  inRing(
    {
      id: 'split/batch-moves-index-by-one',
      breaks: ['P1.1-017h'],
      what: 'moves the used index by one for a batch of any size',
      origin: 'IO-04: text inverted',
      seenBy: 'expectation',
      options: BATCHING,
    },
    (ring) => {
      if (!ring.config.inOrder) return;
      const { commit } = ring;
      ring.commit = () => {
        const { pending } = ring;
        if (pending > 1) {
          ring.writeUsedElement(
            ring.usedSlot(ring.usedIndex),
            ring.pendingId[pending - 1],
            ring.pendingLen[pending - 1],
          );
          const index = ring.advanceIndex(ring.usedIndex, 1);
          ring.storeUsedIndex(index);
          ring.advanceUsed(index, 1);
        } else commit.call(ring);
      };
    },
  ),
  defineDefect({
    id: 'split/batch-skips-requests',
    parents: BOTH,
    breaks: ['P1.1-017i'],
    what: 'covers buffers with a batch entry that it never worked on',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    options: BATCHING,
    seed(device) {
      const { run } = device;
      device.run = (queue, buffer) => {
        const { ring } = queue;
        if (!queue.packed && ring!.config.inOrder && ring!.hasAvailable())
          device.complete(queue, buffer, writableBytes(buffer));
        else run.call(device, queue, buffer);
      };
    },
  }),
  defineDefect({
    id: 'split/batch-before-it-is-done',
    parents: BLK,
    breaks: ['P1.1-017i'],
    what: 'publishes buffers that are followed by others one pump before their data and status are there',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    options: BATCHING,
    seed(device) {
      const { run, pump } = device;
      let late: (() => void)[] = [];
      device.run = (queue, buffer) => {
        const { ring } = queue;
        if (queue.packed || !ring!.config.inOrder || !ring!.hasAvailable()) run.call(device, queue, buffer);
        else {
          const copy = { ...buffer, addr: [...buffer.addr], len: [...buffer.len] };
          late.push(() => void device.execute(queue, copy));
          device.complete(queue, buffer, writableBytes(buffer));
        }
      };
      device.pump = (budget) => {
        const now = late;
        late = [];
        for (const act of now) act();
        return pump.call(device, budget);
      };
    },
  }),
  defineDefect({
    id: 'in-order/fastest-first',
    parents: BOTH,
    breaks: ['V1.1-6.2-D5'],
    what: 'gives buffers back as they are finished although IN_ORDER was negotiated',
    origin: 'IO-01: OpenVMM 6ec16db46',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      onSplitRing(device, (ring) => {
        ring.inTurn = () => true;
      });
      onPackedRing(device, (ring) => {
        ring.inTurn = () => true;
      });
    },
  }),
  defineDefect({
    id: 'in-order/last-first',
    parents: BOTH,
    breaks: ['V1.1-6.2-D5'],
    what: 'gives the buffers of a pump back in reverse order although IN_ORDER was negotiated',
    origin: 'IO-13: back end that cannot keep order',
    seenBy: 'invariant',
    fuzz: 'yes',
    options: { variant: 'out-of-order' },
    seed(device) {
      const { giveBack } = device;
      device.giveBack = (queue, buffer, written) => {
        giveBack.call(device, queue, buffer, written);
        device.publish(queue);
      };
      onSplitRing(device, (ring) => {
        ring.inTurn = () => true;
      });
      onPackedRing(device, (ring) => {
        ring.inTurn = () => true;
      });
    },
  }),
  defineDefect<BlkDevice>({
    id: 'in-order/errors-first',
    parents: BLK,
    breaks: ['V1.1-6.2-D5'],
    what: 'gives failed requests back at once, before older ones that still run',
    origin: 'IO-02: OpenVMM 6ec16db46',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      let failed = false;
      const { finish } = device;
      device.finish = (request, outcome) => {
        failed = outcome.status !== BLK_S.OK;
        return finish.call(device, request, outcome);
      };
      onSplitRing(device, (ring) => {
        const { inTurn } = ring;
        ring.inTurn = (buffer) => failed || inTurn.call(ring, buffer);
      });
      onPackedRing(device, (ring) => {
        const { inTurn } = ring;
        ring.inTurn = (buffer) => failed || inTurn.call(ring, buffer);
      });
    },
  }),
];

/** Elements after which a walk without a limit has used up the memory of its host. */
const OUT_OF_MEMORY = 100_000;

const survival: readonly Defect[] = [
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

/** Wrong devices behind split virtqueues (section 2.6) and in-order use (section 6.2). */
export const SPLIT_DEFECTS: readonly Defect[] = [
  ...layout,
  ...framing,
  ...descriptors,
  ...notifications,
  ...usedRing,
  ...kicks,
  ...available,
  ...inOrder,
  ...survival,
];
