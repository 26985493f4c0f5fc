import { BLK_T } from '../../simulator/blk/request.ts';
import type { Defect } from '../defect.ts';
import { blk, OK } from './blk-defect.ts';

const TYPES: readonly number[] = Object.values(BLK_T);

/** Status of requests. */
export const BLK_STATUS: readonly Defect[] = [
  blk({
    id: 'blk/unknown-type-without-status',
    breaks: ['P1.1-025'],
    what: 'gives requests of an unknown type back without writing the status byte',
    origin: 'BK-11: Cloud Hypervisor, status byte not written on early error',
    seed(device) {
      const { storeStatus } = device;
      device.storeStatus = (request, status) => {
        if (TYPES.includes(request.type)) storeStatus.call(device, request, status);
      };
    },
  }),
  blk({
    id: 'blk/unknown-type-ok',
    breaks: ['P1.1-025'],
    what: 'answers requests of an unknown type with OK',
    origin: 'BK-10: Linux vdpa_sim_blk, first version',
    seed(device) {
      const { command } = device;
      device.command = (request) => (TYPES.includes(request.type) ? command.call(device, request) : OK);
    },
  }),
  blk({
    id: 'blk/unknown-type-as-read',
    breaks: ['P1.1-025'],
    what: 'takes requests of an unknown type for reads',
    origin: 'text inverted',
    seed(device) {
      const { command } = device;
      device.command = (request) => {
        if (!TYPES.includes(request.type)) request.type = BLK_T.IN;
        return command.call(device, request);
      };
    },
  }),
  blk({
    id: 'blk/short-header-without-status',
    breaks: ['P1.1-025'],
    what: 'gives a request with a short header back without writing the status byte',
    origin: 'BK-11: Cloud Hypervisor, status byte not written on early error',
    seed(device) {
      device.shortRequest = () => 0;
    },
  }),
  blk({
    id: 'blk/status-as-32-bits',
    breaks: ['INV-WRITE-SCOPE'],
    what: 'stores the status as 4 bytes',
    origin: 'SP-20: Cloud Hypervisor and vm-virtio, 4 bytes of status where 1 is asked',
    seenBy: 'invariant',
    seed(device) {
      device.storeStatus = ({ dma, buffer, dataIn }, status) => {
        let skip = dataIn;
        for (let i = buffer.readable; i < buffer.readable + buffer.writable; i++) {
          if (skip < buffer.len[i]) {
            dma.store(buffer.addr[i] + skip, Uint8Array.of(status, 0, 0, 0), 0, 4);
            return;
          }
          skip -= buffer.len[i];
        }
      };
    },
  }),
];
