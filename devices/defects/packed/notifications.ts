import { EVENT_FLAGS, PACKED_EVENT } from '../../../specs/virtio-1.1/ring-layout.ts';
import { type Defect, simulated } from '../defect.ts';
import { packed } from './ring-defect.ts';

/** Notifications and event suppression. */
export const PACKED_NOTIFICATIONS: readonly Defect[] = [
  packed(
    {
      id: 'packed/reads-device-event-area',
      breaks: ['P1.1-012'],
      what: 'looks at its own event suppression area to decide whether to notify',
    },
    (ring) => {
      ring.readDriverFlags = () => ring.ringDma.get16(ring.deviceBase + PACKED_EVENT.flags);
      ring.readDriverDesc = () => ring.ringDma.get16(ring.deviceBase + PACKED_EVENT.desc);
    },
  ),
  packed(
    {
      id: 'packed/disable-ignored',
      breaks: ['P1.1-012'],
      what: 'notifies although the driver disabled notifications',
      origin: 'EV-14: packed DISABLE ignored',
    },
    (ring) => {
      const { wantsNotification } = ring;
      ring.wantsNotification = (count) =>
        ring.readDriverFlags() === EVENT_FLAGS.DISABLE || wantsNotification.call(ring, count);
    },
  ),
  packed(
    { id: 'packed/desc-is-disable', breaks: ['P1.1-012', 'P1.1-013'], what: 'takes DESC for DISABLE' },
    (ring) => {
      const { wantsNotification } = ring;
      ring.wantsNotification = (count) =>
        ring.readDriverFlags() !== EVENT_FLAGS.DESC && wantsNotification.call(ring, count);
    },
  ),
  packed(
    {
      id: 'packed/event-wrap-ignored',
      breaks: ['P1.1-013'],
      what: 'compares the event offset without its wrap bit',
      origin: 'EV-13: packed DESC event wrap bit ignored',
    },
    (ring) => {
      ring.eventPosition = (desc) => desc & PACKED_EVENT.offsetMask;
    },
  ),
  packed(
    {
      id: 'packed/event-modulo-power-of-two',
      breaks: ['P1.1-013'],
      what: 'compares event positions modulo 65536, as in a split ring',
    },
    (ring) => {
      ring.needEvent = (event, now, old) => {
        const at = (slot: number) => (slot < 0 ? slot + ring.num : slot);
        return ((now - at(event) - 1) & 0xffff) < ((now - at(old)) & 0xffff);
      };
    },
  ),
  packed(
    {
      id: 'packed/event-only-at-end-of-batch',
      breaks: ['P1.1-013'],
      what: 'notifies only when the last slot of a publication is the one named',
      fuzz: 'yes',
      options: { variant: 'coalesce' },
    },
    (ring) => {
      ring.needEvent = (event, now) => event === now - 1;
    },
  ),
  packed(
    {
      id: 'packed/notifies-first-lap-only',
      breaks: ['P1.1-013'],
      what: 'remembers the position of its last notification without the lap and takes it for a repetition',
      origin: 'PK-14: used event lost after more than one wrap between checks',
    },
    (ring) => {
      const { needEvent } = ring;
      let last = -1;
      ring.needEvent = (event, now, old) => {
        if (!needEvent.call(ring, event, now, old)) return false;
        if (last === ring.usedSlot) return false;
        last = ring.usedSlot;
        return true;
      };
      ring.readDriverFlags = () => {
        const flags = ring.ringDma.get16(ring.driverBase + PACKED_EVENT.flags);
        if (flags === EVENT_FLAGS.DISABLE) last = (ring.usedSlot + 2) % ring.num;
        return flags;
      };
    },
  ),
  simulated(
    {
      id: 'packed/sleeps-with-kicks-off',
      breaks: ['P1.1-014n'],
      what: 'leaves kicks disabled when it goes to sleep',
    },
    (device) => {
      device.sleep = (queue) => {
        queue.pending = false;
        return true;
      };
    },
  ),
  packed(
    {
      id: 'packed/asks-for-kick-one-too-late',
      breaks: ['P1.1-014n'],
      what: 'names the slot behind the next one as the position to be kicked at',
    },
    (ring) => {
      ring.requestKicks = () => {
        const next = ring.availSlot + 4;
        const wrap = next < ring.num ? ring.availWrap : ring.availWrap ^ 1;
        if (ring.config.eventIdx) ring.storeDeviceDesc((next % ring.num) | (wrap << 15));
        ring.storeDeviceFlags(ring.config.eventIdx ? EVENT_FLAGS.DESC : EVENT_FLAGS.ENABLE);
      };
    },
  ),
  simulated(
    {
      id: 'rings/notification-data-wrap-ignored',
      breaks: ['P1.1-014j'],
      what: 'reads notification data without bit 31, and takes notifications of the other lap for old ones',
    },
    (device) => {
      device.kickVqWithData = (data) => {
        const ring = device.queues[data & 0xffff]?.ring as { availWrap?: number; nextAvail?: number } | null;
        const next = (data >>> 16) & 0x7fff;
        if (ring && (ring.availWrap === undefined ? next < (ring.nextAvail ?? 0) : ring.availWrap === 0))
          return;
        device.kickVq(data & 0xffff);
      };
    },
  ),
  simulated(
    {
      id: 'rings/notification-data-repeated',
      breaks: ['P1.1-014j'],
      what: 'needs a reset when a notification repeats the one before',
    },
    (device) => {
      const last = new Map<number, number>();
      device.kickVqWithData = (data) => {
        const idx = data & 0xffff;
        if (last.get(idx) === data) device.needsReset('the same notification twice');
        last.set(idx, data);
        device.kickVq(idx);
      };
    },
  ),
];
