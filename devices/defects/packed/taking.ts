import type { PackedDeviceRing } from '../../../framework/virtqueue/device/packed.ts';
import { type Defect, onPackedRing, simulated } from '../defect.ts';
import { AVAIL, packed, USED } from './ring-defect.ts';

/** Order of taking, and slots that are not available. */
export const PACKED_TAKING: readonly Defect[] = [
  packed(
    {
      id: 'packed/scans-for-available',
      breaks: ['V1.1-2.7.12-D1', 'P1.1-014d'],
      what: 'takes the first available descriptor that it finds anywhere in the ring',
      origin: 'PK-25: starts out of order after a slot that is not available',
      fuzz: 'needs heads that become visible out of order',
    },
    (ring) => {
      const { take } = ring;
      ring.take = (buffer) => {
        const from = ring.availSlot;
        const wrap = ring.availWrap;
        for (let i = 0; i < ring.num; i++) {
          if (take.call(ring, buffer)) return true;
          ring.advanceAvail(1);
        }
        ring.availSlot = from;
        ring.availWrap = wrap;
        return false;
      };
    },
  ),
  packed(
    {
      id: 'packed/avail-bit-only',
      breaks: ['V1.1-2.7.15-D2'],
      what: 'takes every descriptor with AVAIL equal to 1, whatever the lap',
    },
    (ring) => {
      ring.isAvailable = (flags) => (flags & AVAIL) !== 0;
    },
  ),
  packed(
    {
      id: 'packed/avail-differs-from-used',
      breaks: ['V1.1-2.7.15-D2'],
      what: 'takes every descriptor whose AVAIL and USED differ, whatever the lap',
    },
    (ring) => {
      ring.isAvailable = (flags) => ((flags & AVAIL) !== 0) !== ((flags & USED) !== 0);
    },
  ),
  packed(
    {
      id: 'packed/zero-is-available',
      breaks: ['V1.1-2.7.15-D2'],
      what: 'takes the zeroed first slot of a fresh ring for an available descriptor',
    },
    (ring) => {
      const { isAvailable } = ring;
      let fresh = ring.availSlot === 0 && ring.availWrap === 1;
      ring.isAvailable = (flags, wrap) => {
        const first = fresh && flags === 0;
        fresh = false;
        return first || isAvailable.call(ring, flags, wrap);
      };
    },
  ),
  simulated(
    {
      id: 'packed/wrap-survives-reset',
      breaks: ['P1.1-014l'],
      what: 'keeps the wrap counters of a queue over a reset',
    },
    (device) => {
      const last = new Map<number, PackedDeviceRing>();
      onPackedRing(device, (ring, queue) => {
        const old = last.get(queue.index);
        last.set(queue.index, ring);
        if (old === undefined || queue.start.packed.lastAvailIdx !== 0) return;
        ring.availWrap = old.availWrap;
        ring.usedWrap = old.usedWrap;
      });
    },
  ),
  packed(
    {
      id: 'packed/wrap-starts-at-0',
      breaks: ['P1.1-014l'],
      what: 'begins with wrap counter 0 in a zeroed ring',
    },
    (ring, queue) => {
      if (queue.start.packed.lastAvailIdx !== 0) return;
      ring.availWrap = 0;
      ring.usedWrap = 0;
    },
  ),
  simulated(
    {
      id: 'packed/size-rounded-up',
      breaks: ['P1.1-014k'],
      what: 'rounds the queue size up to a power of two',
    },
    (device) => {
      const { latch } = device;
      device.latch = (queue) => {
        const config = latch.call(device, queue);
        if (config !== null && queue.packed) config.num = 2 ** Math.ceil(Math.log2(config.num));
        return config;
      };
    },
  ),
];
