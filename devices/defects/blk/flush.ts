import { BLK_F } from '../../../specs/virtio-1.1/features.ts';
import { IOERR, UNSUPP } from '../../simulator/blk/commands.ts';
import { BLK_T } from '../../simulator/blk/request.ts';
import type { Defect } from '../defect.ts';
import { blk, onType } from './blk-defect.ts';

/** Flush and stable writes. */
export const BLK_FLUSH: readonly Defect[] = [
  blk({
    id: 'blk/flush-unsupp',
    breaks: ['P1.1-026j'],
    what: 'offers FLUSH and answers it with UNSUPP',
    origin: 'BK-13: crosvm, FLUSH offered but refused',
    seed(device) {
      onType(device, BLK_T.FLUSH, () => UNSUPP);
    },
  }),
  blk({
    id: 'blk/flush-fails-when-clean',
    breaks: ['P1.1-026j'],
    what: 'answers a flush with IOERR when there is nothing to flush',
    origin: 'text inverted',
    seed(device) {
      onType(device, BLK_T.FLUSH, (_, proper) => (device.disk.cache.size === 0 ? IOERR : proper()));
    },
  }),
  blk({
    id: 'blk/flush-does-nothing',
    breaks: ['V1.1-5.2.6.2-D9'],
    what: 'acknowledges a flush without making anything stable',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      device.disk.flush = () => {};
    },
  }),
  blk({
    id: 'blk/cache-on-by-default',
    breaks: ['V1.1-5.2.6.2-D9'],
    what: 'caches writes although neither FLUSH nor CONFIG_WCE is negotiated',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      const { writesThrough } = device;
      device.writesThrough = () => device.negotiated(BLK_F.CONFIG_WCE) && writesThrough.call(device);
    },
  }),
  blk({
    id: 'blk/writeback-0-without-effect',
    breaks: ['V1.1-5.2.6.2-D9'],
    what: 'goes on caching after the driver switched to writethrough',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      const { writesThrough } = device;
      device.writesThrough = () => !device.negotiated(BLK_F.CONFIG_WCE) && writesThrough.call(device);
    },
  }),
  blk({
    id: 'blk/power-cut-loses-everything',
    breaks: ['V1.1-5.2.6.2-D9'],
    what: 'comes back from a power cut with an empty disk',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      const { powerCut } = device;
      device.powerCut = () => {
        powerCut.call(device);
        device.disk.stable.clear();
      };
    },
  }),
];
