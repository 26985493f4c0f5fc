import { RingError } from '../../../framework/virtqueue/device/ring.ts';
import { DESC_SIZE, EVENT_FLAGS } from '../../../specs/virtio-1.1/ring-layout.ts';
import { type Defect, onPackedRing, simulated } from '../defect.ts';
import { BYTE, onPush, packed } from './ring-defect.ts';

const isEndless = (error: unknown) => error instanceof RingError && error.code === 'chain-too-long';

/** The driver breaks a rule, and the device does not survive it. */
export const PACKED_BREACHES: readonly Defect[] = [
  simulated(
    {
      id: 'packed/endless-list-retried',
      breaks: ['INV-ALIVE'],
      what: 'tries a list that does not end again and again',
      origin: 'public reports of endless loops over descriptor chains',
      seenBy: 'run',
    },
    (device) => {
      const { serve, serveFailed, reset } = device;
      let stuck = false;
      device.serve = (queue) => (stuck ? 1 : serve.call(device, queue));
      device.serveFailed = (queue, error) => {
        stuck = isEndless(error);
        return stuck ? 1 : serveFailed.call(device, queue, error);
      };
      device.reset = () => {
        stuck = false;
        return reset.call(device);
      };
    },
  ),
  packed(
    {
      id: 'packed/table-memory-by-length',
      breaks: ['INV-ALIVE'],
      what: 'takes memory for an indirect table by the length that the driver states',
      origin: 'public reports of allocations by a length from the guest',
      seenBy: 'run',
    },
    (ring) => {
      const { checkIndirect } = ring;
      ring.checkIndirect = (flags, length) => {
        if (length > 1 << 24) throw new RangeError(`cannot take ${length} bytes for a table`);
        checkIndirect.call(ring, flags, length);
      };
    },
  ),
  packed(
    {
      id: 'packed/requests-indexed-by-id',
      breaks: ['INV-ALIVE'],
      what: 'keeps requests in an array of the queue size that it indexes by Buffer ID',
      seenBy: 'run',
    },
    (ring) => {
      const requests: { id: number }[] = Array.from({ length: ring.num }, () => ({ id: 0 }));
      onPush(ring, (buffer) => {
        requests[buffer.id].id = buffer.id;
      });
    },
  ),
  packed(
    {
      id: 'packed/indirect-state-missing',
      breaks: ['INV-ALIVE'],
      what: 'uses state that is only set up with INDIRECT_DESC when it meets INDIRECT',
      seenBy: 'run',
    },
    (ring) => {
      const tables: { entries: number } | undefined = ring.config.indirect ? { entries: 0 } : undefined;
      const { checkIndirect } = ring;
      ring.checkIndirect = (flags, length) => {
        (tables as { entries: number }).entries++;
        checkIndirect.call(ring, flags, length);
      };
    },
  ),
  simulated(
    {
      id: 'packed/error-survives-reset',
      breaks: ['INV-ALIVE'],
      what: 'stays in the error state that a malformed list brought, over a reset',
    },
    (device) => {
      const { reset, serveFailed } = device;
      let dead = false;
      device.serveFailed = (queue, error) => {
        dead ||= queue.packed && error instanceof RingError;
        return serveFailed.call(device, queue, error);
      };
      device.reset = () => {
        const result = reset.call(device);
        device.broken = dead;
        return result;
      };
    },
  ),
  packed(
    {
      id: 'packed/marks-error-behind-ring',
      breaks: ['INV-WRITE-SCOPE'],
      what: 'writes an error mark behind the ring when a list is malformed',
      seenBy: 'invariant',
    },
    (ring) => {
      const { take } = ring;
      ring.take = (buffer) => {
        try {
          return take.call(ring, buffer);
        } catch (error) {
          ring.ringDma.put32(ring.ringBase + DESC_SIZE * ring.num, 0xdead);
          throw error;
        }
      };
    },
  ),
  packed(
    {
      id: 'packed/readable-after-writable-written',
      breaks: ['V1.1-2.7.15-D1a'],
      what: 'takes every element behind the first writable one for writable',
    },
    (ring, queue) => {
      const { addElement } = ring;
      ring.addElement = (buffer, addr, len, writable) => {
        if (!writable && buffer.writable > 0) {
          BYTE[0] = 0;
          queue.bufferDma!.store(addr, BYTE);
        }
        addElement.call(ring, buffer, addr, len, writable || buffer.writable > 0);
      };
    },
  ),
  simulated(
    {
      id: 'packed/notification-data-trusted',
      breaks: ['V1.1-2.7.15-D2'],
      what: 'works on every slot before the offset in notification data, available or not',
    },
    (device) => {
      const { kickVqWithData } = device;
      const until = new Map<number, number>();
      onPackedRing(device, (ring, queue) => {
        const { isAvailable } = ring;
        ring.isAvailable = (flags, wrap) => {
          const end = until.get(queue.index) ?? 0;
          return isAvailable.call(ring, flags, wrap) || (end < ring.num && ring.availSlot < end);
        };
      });
      device.kickVqWithData = (data) => {
        until.set(data & 0xffff, (data >>> 16) & 0x7fff);
        kickVqWithData.call(device, data);
      };
    },
  ),
  packed(
    {
      id: 'packed/reserved-event-flags-latched',
      breaks: ['P1.1-012'],
      what: 'never notifies again once the driver event area held a reserved value',
    },
    (ring) => {
      const { wantsNotification } = ring;
      let off = false;
      ring.wantsNotification = (count) => {
        off ||= (ring.readDriverFlags() & EVENT_FLAGS.MASK) === EVENT_FLAGS.MASK;
        return !off && wantsNotification.call(ring, count);
      };
    },
  ),
];
