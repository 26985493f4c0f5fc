import { ERRNO } from '../../framework/device.ts';
import type { DeviceBuffer, DeviceRing } from '../../framework/virtqueue/device/ring.ts';
import { SplitDeviceRing } from '../../framework/virtqueue/device/split.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { SimulatorDevice } from './core.ts';
import { KEPT } from './engine.ts';
import type { NetConfig } from './net/net-config.ts';
import type { SimQueue } from './queue.ts';
import { batchUsed, skipMalformed } from './ring-variants.ts';

/** Behaviour that the specification permits and that a hasty test takes for wrong. */
export interface Variant {
  readonly name: string;
  readonly description: string;
  /** Replace methods of `device`. */
  apply(device: SimulatorDevice): void;
}

/** Units of work that an eager device does at most when it starts. */
const EAGER_BUDGET = 1024;
/** Status reads after a reset that still show the old status. */
const LATE_RESET_READS = 3;
/** Usable IOVAs behind an IOMMU of three levels, as vp_vdpa tells them. */
const NARROW_RANGE = { first: 0, last: 2 ** 39 - 1 } as const;
/** Addresses that a net device with old habits filters by. */
const FILTER_ROOM = 63;
/** Bytes of the mac field, the first of the configuration of a net device. */
const MAC_SIZE = 6;

const VARIANTS: readonly Variant[] = [
  {
    name: 'polling',
    description: 'looks for work at every pump, and asks for no kicks ever (sections 2.6.10, 2.7.10)',
    apply(device) {
      device.sleep = (queue) => {
        queue.selfWoken = true;
        return true;
      };
    },
  },
  {
    name: 'eager',
    description: 'may complete buffers before the write of DRIVER_OK returns',
    apply(device) {
      device.started = () => void device.pump(EAGER_BUDGET);
    },
  },
  {
    name: 'strict',
    description: 'needs a reset after any malformed buffer',
    apply(device) {
      device.malformed = (queue, _buffer, why) => {
        device.needsReset(`queue ${queue.index}: ${why}`);
        return KEPT;
      };
    },
  },
  {
    name: 'lax',
    description: 'gives malformed chains back with length 0 where it can, and goes on',
    apply(device) {
      const { createRing } = device;
      device.createRing = (queue, config) => skipMalformed(createRing.call(device, queue, config));
    },
  },
  {
    name: 'async-reset',
    description: `shows the old status in ${LATE_RESET_READS} reads after a reset, then 0`,
    apply(device) {
      const { reset, getStatus, setStatus } = device;
      let stale = 0;
      let reads = 0;
      device.reset = () => {
        if (reads === 0 || device.status !== 0) stale = device.status;
        reads = stale === 0 ? 0 : LATE_RESET_READS;
        return reset.call(device);
      };
      device.getStatus = () => {
        if (reads === 0) return getStatus.call(device);
        reads--;
        return stale;
      };
      device.setStatus = (status) => {
        if (status !== 0) reads = 0;
        setStatus.call(device, status);
      };
    },
  },
  {
    name: 'coalesce',
    description: 'one used buffer notification per queue and pump, after the last publication',
    apply(device) {
      device.notify = putOff;
    },
  },
  {
    name: 'chatty',
    description: 'notifies twice, and moves the event position at every buffer, EVENT_IDX or not',
    apply(device) {
      const { interrupt, giveBack } = device;
      device.interrupt = (queue) => {
        interrupt.call(device, queue);
        interrupt.call(device, queue);
      };
      device.giveBack = (queue, buffer, written) => {
        giveBack.call(device, queue, buffer, written);
        queue.kicksOff = false;
        queue.ring!.enableKicks();
        if (queue.ring instanceof SplitDeviceRing) queue.ring.storeAvailEvent(queue.ring.nextAvail);
      };
    },
  },
  {
    name: 'out-of-order',
    description: 'gives back the buffers of a pump in reverse order, unless IN_ORDER is negotiated',
    apply(device) {
      let done: Finished[] = [];
      device.complete = (queue, buffer, written) => {
        done.push({ queue, ring: queue.ring!, buffer, written });
        queue.flushDue = true;
      };
      const { flush } = device;
      device.flush = (queue) => {
        const mine = done.filter((entry) => entry.queue === queue && entry.ring === queue.ring);
        done = done.filter((entry) => entry.queue !== queue);
        for (const { buffer, written } of mine.reverse()) device.giveBack(queue, buffer, written);
        flush.call(device, queue);
      };
    },
  },
  {
    name: 'batching',
    description: 'with IN_ORDER, one used entry for all buffers of a pump (sections 2.6.9, 2.7.8)',
    apply(device) {
      const { createRing } = device;
      device.createRing = (queue, config) => {
        const ring = createRing.call(device, queue, config);
        return config.inOrder ? batchUsed(ring) : ring;
      };
      device.publish = putOff;
    },
  },
  {
    name: 'late-features',
    description: 'shows what the driver wrote last as its features, after FEATURES_OK as well (4.1.4.3.1)',
    apply(device) {
      const { setDriverFeatures, getDriverFeatures, reset } = device;
      let late: bigint | null = null;
      device.setDriverFeatures = (features) => {
        if ((device.status & STATUS.FEATURES_OK) === 0) return setDriverFeatures.call(device, features);
        late = features & device.getDeviceFeatures();
        return 0;
      };
      device.getDriverFeatures = () => late ?? getDriverFeatures.call(device);
      device.reset = () => {
        late = null;
        return reset.call(device);
      };
    },
  },
  {
    name: 'old-habits',
    description: `net: takes a mac written before the features are fixed; given more than ${FILTER_ROOM} addresses lets all multicast in (section 5.1.6.5.2)`,
    apply(device) {
      const { filter } = device as Partial<NetConfig>;
      if (filter === undefined) return;
      const { setConfig } = device;
      device.setConfig = (offset, bytes) => {
        if ((device.status & STATUS.FEATURES_OK) !== 0 || offset >= MAC_SIZE)
          setConfig.call(device, offset, bytes);
        else device.config.store(offset, bytes.subarray(0, MAC_SIZE - offset));
      };
      const { acceptsMulticast } = filter;
      const full = () => filter.unicast.size + filter.multicast.size > FILTER_ROOM;
      filter.acceptsMulticast = (destination) =>
        acceptsMulticast.call(filter, destination) || (full() && !filter.nomulti);
    },
  },
  {
    name: 'quiet-len',
    description: 'reports used length 0 where at most a status byte was written (section 2.6.8.2)',
    apply(device) {
      device.usedLength = (_queue, written) => (written <= 1 ? 0 : written);
    },
  },
  {
    name: 'narrow',
    description: 'takes IOVAs of 39 bits only, and says so',
    apply(device) {
      const { translation } = device;
      const { map, replace } = translation;
      const within = (iova: number, size: number) => iova + size - 1 <= NARROW_RANGE.last;
      device.getIovaRange = () => NARROW_RANGE;
      translation.map = (asid, iova, size, addr, perm) =>
        within(iova, size) ? map.call(translation, asid, iova, size, addr, perm) : -ERRNO.EINVAL;
      translation.replace = (asid, entries) =>
        entries.every(({ iova, size }) => within(iova, size))
          ? replace.call(translation, asid, entries)
          : -ERRNO.EINVAL;
    },
  },
];

/** A buffer that was executed and not given back yet. */
interface Finished {
  readonly queue: SimQueue;
  readonly ring: DeviceRing;
  readonly buffer: DeviceBuffer;
  readonly written: number;
}

/** Leave it to `flush`, at the end of the pump. */
function putOff(queue: SimQueue): void {
  queue.flushDue = true;
}

/** Names of all variants. */
export const VARIANT_NAMES: readonly string[] = VARIANTS.map((variant) => variant.name);

/** The variant of that name. */
export function variantByName(name: string): Variant | undefined {
  return VARIANTS.find((variant) => variant.name === name);
}
