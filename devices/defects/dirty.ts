import { DmaView } from '../../framework/memory/iotlb.ts';
import type { ParentInstance } from '../../framework/parent.ts';
import type { IfcvfInstance } from '../ifcvf/parents.ts';
import type { SimulatorDevice } from '../simulator/core.ts';
import { type Defect, type DefectFacts, defineDefect, BLK as SIMULATED_BLK, USUAL } from './defect.ts';

const BOTH = ['ifcvf-net', 'ifcvf-blk'] as const;
const BLK = ['ifcvf-blk'] as const;

/** Dirty tracking that goes wrong. */
const tracking = (facts: DefectFacts, seed: (instance: IfcvfInstance) => void): Defect =>
  defineDefect({
    parents: BOTH,
    ...USUAL,
    ...facts,
    seed: (_, instance: ParentInstance) => seed(instance as IfcvfInstance),
  });

/** The same in a simulated device that marks what passes its IOTLB. */
const inSoftware = (facts: DefectFacts, seed: (device: SimulatorDevice) => void): Defect =>
  defineDefect({
    parents: ['simulator-blk', 'simulator-net'],
    ...USUAL,
    options: { dirty: 'yes' },
    ...facts,
    seed,
  });

const SOFTWARE: readonly Defect[] = [
  inSoftware(
    {
      id: 'dirty/first-page-of-a-store-only',
      parents: SIMULATED_BLK,
      breaks: ['VDPA-101'],
      what: 'Of a store that runs across pages only the first one is marked.',
    },
    ({ dirty }) => {
      const { stored } = dirty!;
      dirty!.stored = (table, iova) => stored.call(dirty, table, iova, 1);
    },
  ),
  inSoftware(
    {
      id: 'dirty/rings-past-the-iotlb',
      breaks: ['VDPA-102'],
      what: 'Rings are reached through a mapping of their own, past the IOTLB that marks.',
    },
    (device) => {
      const { aimViews } = device;
      device.aimViews = (queue) => {
        aimViews.call(device, queue);
        queue.ringDma = new DmaView(device.dmaPort, queue.ringDma!.table);
      };
    },
  ),
  inSoftware(
    {
      id: 'dirty/log-emptied-at-start',
      breaks: ['VDPA-103'],
      what: 'Tracking begins with an empty log, whatever was marked before.',
    },
    ({ dirty }) => {
      const { start } = dirty!;
      dirty!.start = (log) => {
        log.bytes.fill(0);
        return start.call(dirty, log);
      };
    },
  ),
];

const HARDWARE: readonly Defect[] = [
  tracking(
    {
      id: 'dirty/last-page-of-a-buffer-missed',
      parents: BLK,
      breaks: ['VDPA-101'],
      what: 'Of a store only the page where it begins is marked, so that the end of a buffer is missed.',
    },
    ({ function: { dirtyLogger } }) => {
      const { stored } = dirtyLogger;
      dirtyLogger.stored = (iova) => stored.call(dirtyLogger, iova, 1);
    },
  ),
  tracking(
    {
      id: 'dirty/single-bytes-are-not-logged',
      breaks: ['VDPA-101'],
      what: 'Status and ack bytes are written past the logger.',
    },
    ({ function: { dirtyLogger } }) => {
      const { stored } = dirtyLogger;
      dirtyLogger.stored = (iova, length) => {
        if (length > 1) stored.call(dirtyLogger, iova, length);
      };
    },
  ),
  tracking(
    {
      id: 'dirty/neighbour-marked-instead',
      breaks: ['VDPA-101'],
      what: 'Bits of a byte are counted from the other end.',
    },
    ({ function: { dirtyLogger } }) => {
      const { mark } = dirtyLogger;
      dirtyLogger.mark = (page) => mark.call(dirtyLogger, page ^ 7);
    },
  ),
  tracking(
    {
      id: 'dirty/used-ring-not-marked',
      breaks: ['VDPA-102'],
      what: 'The driver relies on the hardware for the rings, which logs data buffers only.',
    },
    ({ device }) => {
      device.dirty.markRing = () => {};
    },
  ),
  tracking(
    {
      id: 'dirty/stopped-queue-not-marked',
      breaks: ['VDPA-102'],
      what: 'Only rings that still run when tracking stops are marked.',
    },
    ({ device }) => {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        const { markRing } = device.dirty;
        device.dirty.markRing = () => {};
        setVqReady.call(device, idx, ready);
        device.dirty.markRing = markRing;
      };
    },
  ),
  tracking(
    {
      id: 'dirty/marks-lost-on-stop',
      breaks: ['VDPA-103'],
      what: 'The log is cleared when tracking stops, before anybody has read it.',
    },
    ({ device: { dirty } }) => {
      const { start, stop } = dirty;
      let bytes: Uint8Array | null = null;
      dirty.start = (log) => {
        bytes = log.bytes;
        return start.call(dirty, log);
      };
      dirty.stop = () => {
        const result = stop.call(dirty);
        bytes?.fill(0);
        return result;
      };
    },
  ),
  tracking(
    {
      id: 'dirty/goes-on-after-stop',
      breaks: ['VDPA-104'],
      what: 'The device goes on counting in the log that was given back.',
    },
    ({ device: { dirty }, function: { dirtyLogger } }) => {
      const { start } = dirty;
      const { stored } = dirtyLogger;
      let bytes: Uint8Array | null = null;
      dirty.start = (log) => {
        bytes = log.bytes;
        return start.call(dirty, log);
      };
      dirtyLogger.stored = (iova, length) => {
        stored.call(dirtyLogger, iova, length);
        if (!dirtyLogger.on && bytes !== null) bytes[bytes.length - 1] ^= 0xff;
      };
    },
  ),
];

export const DIRTY_DEFECTS: readonly Defect[] = [...HARDWARE, ...SOFTWARE];
