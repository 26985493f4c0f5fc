import { ERRNO } from '../../framework/device.ts';
import { DmaFault } from '../../framework/memory/host-memory.ts';
import type { DeviceBuffer, DeviceRing } from '../../framework/virtqueue/device/ring.ts';
import { SplitDeviceRing } from '../../framework/virtqueue/device/split.ts';
import {
  F_EVENT_IDX,
  F_INDIRECT_DESC,
  F_SR_IOV,
  F_VERSION_1,
  NET_F,
} from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { SimulatorDevice } from '../simulator/core.ts';
import { type Defect, defineDefect } from './defect.ts';

const BOTH = ['simulator-net', 'simulator-blk'] as const;

/** A completion that a reset should have cancelled. */
interface Leftover {
  ring: DeviceRing;
  buffer: DeviceBuffer | null;
  callback: (() => void) | null;
}

/** What is under way on the queues of `device`: the next buffer of each, and whom to tell. */
function underWay(device: SimulatorDevice): Leftover[] {
  const left: Leftover[] = [];
  for (const queue of device.queues) {
    const { ring, callback } = queue;
    if (ring === null || device.broken) continue;
    try {
      const buffer = queue.inFlight[0] ?? ring.pop();
      if (buffer !== null) left.push({ ring, buffer, callback });
    } catch {
      // A ring that cannot be read has nothing under way.
    }
  }
  return left;
}

/** Store into guest memory although no mapping permits it. */
function storeThrough(
  device: SimulatorDevice,
  reasons: readonly string[],
  where: (iova: number) => number,
): void {
  const { aimViews } = device;
  device.aimViews = (queue) => {
    aimViews.call(device, queue);
    const dma = queue.bufferDma!;
    const { store, put8 } = Object.getPrototypeOf(dma) as typeof dma;
    const force = (error: unknown, iova: number, bytes: Uint8Array) => {
      if (!(error instanceof DmaFault) || !reasons.includes(error.reason)) throw error;
      device.port.store(where(iova), bytes);
    };
    dma.store = (iova, from, at = 0, length = from.length - at) => {
      try {
        store.call(dma, iova, from, at, length);
      } catch (error) {
        force(error, iova, from.subarray(at, at + length));
      }
    };
    dma.put8 = (iova, value) => {
      try {
        put8.call(dma, iova, value);
      } catch (error) {
        force(error, iova, Uint8Array.of(value));
      }
    };
  };
}

/** Wrong devices for status, features, configuration, reset and the start-up. */
export const CORE_DEFECTS: readonly Defect[] = [
  // ── status ────────────────────────────────────────────────────────────────────────────────────
  defineDefect({
    id: 'core/reset-keeps-failed',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D1', 'VDPA-001'],
    what: 'A reset leaves FAILED in the status.',
    origin: 'ST-01: Firecracker, status did not read 0 after a reset',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { reset } = device;
      device.reset = () => {
        const failed = device.status & STATUS.FAILED;
        const result = reset.call(device);
        device.status = failed;
        return result;
      };
    },
  }),
  defineDefect({
    id: 'core/reset-keeps-needs-reset',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D1'],
    what: 'The error latch survives the reset.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { reset } = device;
      device.reset = () => {
        const latch = device.status & STATUS.DEVICE_NEEDS_RESET;
        const result = reset.call(device);
        device.status = latch;
        return result;
      };
    },
  }),
  defineDefect({
    id: 'core/status-flaps-after-reset',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D1'],
    what: 'The first read after a reset gives 0, later ones the old status.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { reset, getStatus, setStatus } = device;
      let old = 0;
      let reads = 0;
      device.reset = () => {
        old = device.status;
        reads = 0;
        return reset.call(device);
      };
      device.setStatus = (status) => {
        old = 0;
        setStatus.call(device, status);
      };
      device.getStatus = () => (old !== 0 && reads++ > 0 ? old : getStatus.call(device));
    },
  }),
  defineDefect({
    id: 'core/driver-ok-not-readable',
    parents: BOTH,
    breaks: ['P1.1-019b', 'VDPA-016'],
    what: 'DRIVER_OK takes effect but does not read back.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getStatus } = device;
      device.getStatus = () => getStatus.call(device) & ~STATUS.DRIVER_OK;
    },
  }),
  defineDefect({
    id: 'core/status-read-clears',
    parents: BOTH,
    breaks: ['VDPA-019'],
    what: 'Reading the status clears DEVICE_NEEDS_RESET.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getStatus } = device;
      device.getStatus = () => {
        const status = getStatus.call(device);
        device.status &= ~STATUS.DEVICE_NEEDS_RESET;
        return status;
      };
    },
  }),
  defineDefect({
    id: 'core/starts-when-ready',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D2', 'VDPA-021'],
    what: 'A queue runs as soon as it is ready, DRIVER_OK or not.',
    origin: 'text inverted',
    seenBy: 'invariant',
    fuzz: 'yes',
    seed(device) {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        setVqReady.call(device, idx, ready);
        const queue = device.queues[idx];
        if (queue?.ready && queue.ring === null && !device.suspended) device.startQueue(queue);
      };
    },
  }),
  defineDefect({
    id: 'core/early-kick-starts',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D2', 'VDPA-021'],
    what: 'A kick before DRIVER_OK starts the queue.',
    origin: 'text inverted',
    seenBy: 'invariant',
    fuzz: 'yes',
    seed(device) {
      const { kickVq } = device;
      device.kickVq = (idx) => {
        const queue = device.queues[idx];
        if (queue?.ready && queue.ring === null && !device.suspended) device.startQueue(queue);
        kickVq.call(device, idx);
      };
    },
  }),
  defineDefect({
    id: 'core/forgets-early-buffers',
    parents: BOTH,
    breaks: ['VDPA-020'],
    what: 'Buffers that were available before DRIVER_OK are passed over.',
    origin: 'ST-10: the first request stalls when the queue was not live yet',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.started = () => {
        for (const { ring } of device.queues) {
          for (let n = 0; ring !== null && n < 8; n++) if (ring.pop() === null) break;
        }
      };
    },
  }),
  defineDefect({
    id: 'core/dies-in-silence',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D3'],
    what: 'After an error the device stops, and the status does not show it.',
    origin: 'ST-08: one parse error ended the worker thread, the status stayed DRIVER_OK',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.needsReset = (why) => {
        device.broken = true;
        device.failure = why;
      };
    },
  }),
  defineDefect({
    id: 'core/needs-reset-without-notification',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D4'],
    what: 'DEVICE_NEEDS_RESET is set and nobody is told.',
    origin: 'ST-04: Cloud Hypervisor, per-handler book-keeping without a notification',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.needsReset = (why) => {
        device.broken = true;
        device.failure = why;
        device.status |= STATUS.DEVICE_NEEDS_RESET;
      };
    },
  }),
  defineDefect({
    id: 'core/needs-reset-told-too-early',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D4'],
    what: 'The notification comes before DEVICE_NEEDS_RESET can be read.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.needsReset = (why) => {
        if (device.broken) return;
        device.broken = true;
        device.failure = why;
        device.notifyConfig();
        device.status |= STATUS.DEVICE_NEEDS_RESET;
      };
    },
  }),

  // ── features ──────────────────────────────────────────────────────────────────────────────────
  defineDefect({
    id: 'core/offers-tso-without-checksum',
    parents: ['simulator-net'],
    breaks: ['V1.1-2.2.2-D1'],
    what: 'GUEST_TSO4 and others are offered without GUEST_CSUM.',
    origin: 'FE-01: a feature is offered without its prerequisite',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getDeviceFeatures } = device;
      device.getDeviceFeatures = () => getDeviceFeatures.call(device) & ~NET_F.GUEST_CSUM;
    },
  }),
  defineDefect({
    id: 'core/refuses-a-valid-subset',
    parents: BOTH,
    breaks: ['V1.1-2.2.2-D2a'],
    what: 'EVENT_IDX is refused unless INDIRECT_DESC comes with it.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { featuresAcceptable } = device;
      device.featuresAcceptable = (features) =>
        featuresAcceptable.call(device, features) &&
        ((features & F_EVENT_IDX) === 0n || (features & F_INDIRECT_DESC) !== 0n);
    },
  }),
  defineDefect({
    id: 'core/accepts-anything',
    parents: BOTH,
    breaks: ['V1.1-2.2.2-D2b', 'VDPA-048'],
    what: 'Whatever the driver writes is accepted and put into force.',
    origin: 'ST-07: features that were not offered are in force all the same',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.featuresAcceptable = () => true;
    },
  }),
  defineDefect({
    id: 'core/dependencies-unchecked',
    parents: ['simulator-net'],
    breaks: ['V1.1-2.2.2-D2b', 'VDPA-049'],
    what: 'Only the offer is checked, not what features need.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.featuresAcceptable = (features) => (features & ~device.profile.features) === 0n;
    },
  }),
  defineDefect({
    id: 'core/negotiates-once',
    parents: BOTH,
    breaks: ['V1.1-2.2.2-D3'],
    what: 'Features stay latched over a reset: the next negotiation is refused.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { setDriverFeatures, setStatus } = device;
      let latched = false;
      device.setStatus = (status) => {
        setStatus.call(device, status);
        if ((device.status & STATUS.FEATURES_OK) !== 0) latched = true;
      };
      device.setDriverFeatures = (features) =>
        latched ? -ERRNO.EBUSY : setDriverFeatures.call(device, features);
    },
  }),
  defineDefect({
    id: 'core/late-features-take-effect',
    parents: BOTH,
    breaks: ['P1.1-019'],
    what: 'Driver features written while the device runs change the rules of its queues.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { setDriverFeatures } = device;
      device.setDriverFeatures = (features) => {
        if (!device.driverOk) return setDriverFeatures.call(device, features);
        device.driverFeatures = features;
        for (const { ring } of device.queues)
          if (ring !== null) ring.config.eventIdx = (features & F_EVENT_IDX) !== 0n;
        return 0;
      };
    },
  }),
  defineDefect({
    id: 'core/offer-shrinks',
    parents: BOTH,
    breaks: ['V1.1-4.1.4.3.1-D3', 'VDPA-043'],
    what: 'After negotiation the offer reads as what the driver accepted.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getDeviceFeatures } = device;
      device.getDeviceFeatures = () => {
        const offered = getDeviceFeatures.call(device);
        return device.driverFeatures === 0n ? offered : offered & device.driverFeatures;
      };
    },
  }),
  defineDefect({
    id: 'core/driver-features-cut-to-32-bits',
    parents: BOTH,
    breaks: ['V1.1-4.1.4.3.1-D4'],
    what: 'The upper word of the driver features reads as 0.',
    origin: 'FE-04: one feature word overwrites the other',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getDriverFeatures } = device;
      device.getDriverFeatures = () => getDriverFeatures.call(device) & 0xffff_ffffn;
    },
  }),
  defineDefect({
    id: 'core/version-1-withdrawn',
    parents: BOTH,
    breaks: ['V1.1-6.2-D1'],
    what: 'A driver that declines VERSION_1 is never offered it again.',
    origin: 'FE-08: VERSION_1 is not offered',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getDeviceFeatures, setDriverFeatures } = device;
      let declined = false;
      device.setDriverFeatures = (features) => {
        if ((features & F_VERSION_1) === 0n) declined = true;
        return setDriverFeatures.call(device, features);
      };
      device.getDeviceFeatures = () =>
        declined ? getDeviceFeatures.call(device) & ~F_VERSION_1 : getDeviceFeatures.call(device);
    },
  }),
  defineDefect({
    id: 'core/offers-sr-iov',
    parents: BOTH,
    breaks: ['V1.1-6.2-D9b'],
    what: 'A device in software offers SR_IOV.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getDeviceFeatures } = device;
      device.getDeviceFeatures = () => getDeviceFeatures.call(device) | F_SR_IOV;
    },
  }),

  // ── configuration ─────────────────────────────────────────────────────────────────────────────
  defineDefect({
    id: 'core/config-blank-before-features-ok',
    parents: BOTH,
    breaks: ['V1.1-2.4.2-D1'],
    what: 'The configuration reads as zeroes until FEATURES_OK.',
    origin: 'CF-10: configuration unreadable before FEATURES_OK',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, buf) => {
        if ((device.status & STATUS.FEATURES_OK) !== 0) getConfig.call(device, offset, buf);
      };
    },
  }),
  defineDefect({
    id: 'core/config-big-endian',
    parents: BOTH,
    breaks: ['P1.1-019e', 'VDPA-052'],
    what: 'Multi-byte fields are in network byte order.',
    origin: 'CF-05: fields swapped twice',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const fields = device.profile.deviceType === 'net' ? [6, 8, 10].map((at) => [at, 2]) : [[0, 8]];
      device.getConfig = (offset, buf) => {
        const bytes = device.config.bytes.slice();
        for (const [at, width] of fields) bytes.subarray(at, at + width).reverse();
        for (let i = 0; i < buf.length && offset + i < bytes.length; i++) buf[i] = bytes[offset + i];
      };
    },
  }),
  defineDefect({
    id: 'core/upper-half-shows-lower',
    parents: ['simulator-blk'],
    breaks: ['V1.1-4.1.3.2-D1'],
    what: 'A read of the upper half of capacity gives the lower one.',
    origin: 'CF-11: independent 32-bit halves are not supported',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, buf) => {
        getConfig.call(device, offset === 4 && buf.length === 4 ? 0 : offset, buf);
      };
    },
  }),
  defineDefect({
    id: 'core/generation-constant',
    parents: BOTH,
    breaks: ['P1.1-019d', 'V1.1-4.1.4.3.1-D6', 'V1.1-4.2.2.1-D6', 'VDPA-059'],
    what: 'The configuration generation never moves.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.getGeneration = () => 0;
    },
  }),
  defineDefect({
    id: 'core/generation-8-bit',
    parents: BOTH,
    breaks: ['P1.1-019d', 'V1.1-4.1.4.3.1-D6'],
    what: 'The configuration generation comes round after 256 changes.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'exactly a multiple of 256 changes between two reads is out of reach of random steps',
    seed(device) {
      const { getGeneration } = device;
      device.getGeneration = () => getGeneration.call(device) & 0xff;
    },
  }),
  defineDefect({
    id: 'core/config-change-told-too-early',
    parents: BOTH,
    breaks: ['P1.1-019c'],
    what: 'The configuration change notification comes before the new value.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'random steps do not read the configuration inside the callback',
    seed(device) {
      const { changeConfig } = device;
      device.changeConfig = (offset, bytes) => {
        const { configCallback } = device;
        device.notifyConfig();
        device.configCallback = null;
        changeConfig.call(device, offset, bytes);
        device.configCallback = configCallback;
      };
    },
  }),
  defineDefect({
    id: 'core/config-change-in-silence',
    parents: BOTH,
    breaks: ['P1.1-019c', 'VDPA-057'],
    what: 'The device changes its configuration without a notification.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.changeConfig = (offset, bytes) => {
        if (device.config.store(offset, bytes)) device.configChanged(offset, bytes.length);
      };
    },
  }),
  defineDefect({
    id: 'core/cleared-config-callback-called',
    parents: BOTH,
    breaks: ['V1.1-4.1.5.4.1-D1'],
    what: 'Clearing the configuration callback has no effect.',
    origin: 'IR-02: NO_VECTOR still delivers',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { setConfigCb } = device;
      device.setConfigCb = (cb) => {
        if (cb.callback !== null) setConfigCb.call(device, cb);
      };
    },
  }),

  // ── queues ────────────────────────────────────────────────────────────────────────────────────
  defineDefect({
    id: 'core/ready-survives-reset',
    parents: BOTH,
    breaks: ['V1.1-4.1.4.3.1-D8', 'V1.1-4.2.2.1-D5', 'VDPA-002'],
    what: 'Queues that were ready still look ready after a reset.',
    origin: 'RS-01: queue_enable is not cleared, and Linux refuses to bind again',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { reset, getVqReady, setVqReady } = device;
      const stale = new Set<number>();
      device.reset = () => {
        for (const { ready, index } of device.queues) if (ready) stale.add(index);
        return reset.call(device);
      };
      device.setVqReady = (idx, ready) => {
        stale.delete(idx);
        setVqReady.call(device, idx, ready);
      };
      device.getVqReady = (idx) => stale.has(idx) || getVqReady.call(device, idx);
    },
  }),
  defineDefect({
    id: 'core/size-of-any-queue',
    parents: BOTH,
    breaks: ['V1.1-4.1.4.3.1-D9'],
    what: 'Queues that do not exist have a size.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.getVqSize = (idx) => device.queues[idx]?.latched?.num ?? device.getVqNumMax();
    },
  }),
  defineDefect({
    id: 'core/split-size-255',
    parents: BOTH,
    breaks: ['V1.1-4.1.4.3.1-D10'],
    what: 'A queue size of 255 is reported although split rings are in force.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getVqSize } = device;
      device.getVqSize = (idx) => {
        const size = getVqSize.call(device, idx);
        return size === 256 ? 255 : size === 64 ? 63 : size;
      };
    },
  }),
  defineDefect({
    id: 'core/cleared-callback-called',
    parents: BOTH,
    breaks: ['V1.1-4.1.5.3.1-D1'],
    what: 'The running queue keeps the callback it started with.',
    origin: 'IR-08: the callback is replaced too late',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { setVqCb } = device;
      device.setVqCb = (idx, cb) => {
        if (device.queues[idx]?.ring == null) setVqCb.call(device, idx, cb);
      };
    },
  }),
  defineDefect({
    id: 'core/stops-without-callback',
    parents: BOTH,
    breaks: ['VDPA-092'],
    what: 'A queue without a callback is not served.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { runnable } = device;
      device.runnable = (queue) => queue.callback !== null && runnable.call(device, queue);
    },
  }),
  defineDefect({
    id: 'core/addresses-make-a-queue',
    parents: BOTH,
    breaks: ['V1.1-4.2.2.1-D7', 'VDPA-022'],
    what: 'At DRIVER_OK every queue with addresses runs, ready or not.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.startQueues = () => {
        for (const queue of device.queues) {
          if (!queue.addressSet || queue.num === 0 || queue.ring !== null || device.suspended) continue;
          if (!device.startQueue(queue)) return false;
        }
        return true;
      };
    },
  }),
  defineDefect({
    id: 'core/loses-every-fifth',
    parents: BOTH,
    breaks: ['P1.1-019f'],
    what: 'Every fifth buffer is never given back.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { complete } = device;
      let n = 0;
      device.complete = (queue, buffer, written) => {
        if (++n % 5 !== 0) complete.call(device, queue, buffer, written);
      };
    },
  }),

  // ── reset ─────────────────────────────────────────────────────────────────────────────────────
  defineDefect({
    id: 'core/completes-after-reset',
    parents: BOTH,
    breaks: ['P1.1-019a', 'V1.1-4.1.4.3.1-D7', 'VDPA-007'],
    what: 'A completion under way at the reset lands in the old ring afterwards.',
    origin: 'RS-04: in-flight DMA is not drained by a reset',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { reset, pump } = device;
      let left: Leftover[] = [];
      device.reset = () => {
        left = underWay(device);
        return reset.call(device);
      };
      device.pump = (budget) => {
        for (const { ring, buffer } of left) {
          ring.push(buffer!, 0);
          ring.publish();
        }
        left = [];
        return pump.call(device, budget);
      };
    },
  }),
  defineDefect({
    id: 'core/interrupts-after-reset',
    parents: BOTH,
    breaks: ['VDPA-004', 'P1.1-019a'],
    what: 'An interrupt that was on its way at the reset is delivered afterwards.',
    origin: 'RS-05: interrupt after reset',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { reset, pump } = device;
      let left: Leftover[] = [];
      device.reset = () => {
        left = underWay(device);
        return reset.call(device);
      };
      device.pump = (budget) => {
        for (const { callback } of left) callback?.();
        left = [];
        return pump.call(device, budget);
      };
    },
  }),

  // ── survival ──────────────────────────────────────────────────────────────────────────────────
  defineDefect({
    id: 'core/dies-of-a-far-config-read',
    parents: BOTH,
    breaks: ['INV-ALIVE'],
    what: 'A configuration read behind the end ends the device process.',
    origin: 'CF-02: offset plus length overflows the check',
    seenBy: 'run',
    fuzz: 'yes',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, buf) => {
        if ((offset + buf.length) >>> 0 > device.config.size + 4096)
          throw new RangeError('slice out of range');
        getConfig.call(device, offset, buf);
      };
    },
  }),
  defineDefect({
    id: 'core/writes-untranslated',
    parents: ['simulator-blk'],
    breaks: ['INV-MAPPING', 'INV-WRITE-SCOPE'],
    what: 'Where no mapping exists the address is taken as a physical one.',
    origin: 'TL-13: a failed mapping is used as an address all the same',
    seenBy: 'invariant',
    fuzz: 'yes',
    seed(device) {
      storeThrough(device, ['unmapped', 'permission'], (iova) => iova % (device.port.size - 0x1_0000));
    },
  }),
  defineDefect({
    id: 'core/cleared-status-starts-afresh',
    parents: ['simulator-blk'],
    breaks: ['INV-WRITE-SCOPE'],
    what: 'When DRIVER_OK is cleared and set again, queues begin at 0 and use old buffers a second time.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { setStatus } = device;
      device.setStatus = (status) => {
        if (status !== 0 && device.driverOk && (status & STATUS.DRIVER_OK) === 0) {
          for (const { ring } of device.queues) {
            if (!(ring instanceof SplitDeviceRing)) continue;
            ring.nextAvail = 0;
            ring.usedIndex = 0;
          }
          device.status = status;
          return;
        }
        setStatus.call(device, status);
        if (device.driverOk) for (const queue of device.queues) if (queue.ring !== null) queue.pending = true;
      };
    },
  }),
];
