import { DmaFault } from '../../../framework/memory/host-memory.ts';
import { SplitDeviceRing } from '../../../framework/virtqueue/device/split.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';
import { BOTH, type Defect, defineDefect } from '../defect.ts';

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

/** Survival of what a driver does wrong. */
export const CORE_SURVIVAL: readonly Defect[] = [
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
