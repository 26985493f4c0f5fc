import { ERRNO, type ProcessAddresses } from '../../../framework/device.ts';
import { BLK, type Defect, NET, simulated } from '../defect.ts';

const PAGE = 4096;

/** Parents with wrong tables and address spaces. */
export const VDPA_SPACES: readonly Defect[] = [
  simulated(
    {
      id: 'vdpa/failing-table-stays-half',
      parents: BLK,
      breaks: ['VDPA-062'],
      what: 'A table that cannot be taken leaves the old one without one of its entries.',
      options: { dma: 'set' },
    },
    (device) => {
      const setMap = device.setMap!;
      device.setMap = (asid, table) => {
        const old = [...device.translation.tables[asid].entries];
        const result = setMap.call(device, asid, table);
        if (result >= 0) return result;
        const last = table.slice(1).find(({ iova }) => old.some((entry) => entry.iova === iova));
        setMap.call(
          device,
          asid,
          old.filter(({ iova }) => iova !== last?.iova),
        );
        return result;
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/table-without-end',
      breaks: ['VDPA-069'],
      what: 'Mappings beyond the end of the table are accepted and forgotten.',
    },
    (device) => {
      const { dmaMap } = device;
      device.dmaMap = (...mapping) => {
        const result = dmaMap!.apply(device, mapping);
        return result === -ERRNO.ENOSPC ? 0 : result;
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/process-pages-are-pinned',
      fuzz: 'needs the bus driver vhost-vdpa; random steps use virtio-vdpa',
      parents: BLK,
      breaks: ['VDPA-073'],
      what: 'User addresses are looked up once, when they are mapped.',
      options: { va: 'yes' },
    },
    (device) => {
      const { dmaMap } = device;
      let bound: ProcessAddresses | null = null;
      device.bindMm = (process) => {
        bound = process;
        return 0;
      };
      device.dmaMap = (asid, iova, size, addr, perm) => {
        for (let at = 0; at < size; at += PAGE) {
          const pa = bound === null ? addr + at : bound.physical(addr + at);
          const error = dmaMap!.call(device, asid, iova + at, Math.min(PAGE, size - at), pa, perm);
          if (error < 0) return error;
        }
        return 0;
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/ring-group-ignored',
      parents: BLK,
      breaks: ['VDPA-080'],
      what: 'Ring areas translate where the buffers do, whatever their group was assigned to.',
      options: { 'ring-group': 'yes' },
    },
    (device) => {
      const { aimViews } = device;
      device.aimViews = (queue) => {
        aimViews.call(device, queue);
        queue.ringDma!.retarget(queue.bufferDma!.table);
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/commands-from-guest-memory',
      parents: NET,
      breaks: ['VDPA-077'],
      what: 'Buffers of the control queue are looked up in address space 0, whatever its group was assigned to.',
      origin: 'TL-10: one table for all address spaces',
    },
    (device) => {
      const { aimViews } = device;
      device.aimViews = (queue) => {
        aimViews.call(device, queue);
        queue.bufferDma!.retarget(device.translation.tables[0]);
      };
    },
  ),
];
