import { ERRNO, initialVqState, type Perm } from '../../../framework/device.ts';
import { DmaFault } from '../../../framework/memory/host-memory.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';
import { type Defect, NET, simulated } from '../defect.ts';

/** Let device stores go through although the mapping does not permit them. */
function ignorePermissions(device: SimulatorDevice): void {
  const { aimViews } = device;
  device.aimViews = (queue) => {
    aimViews.call(device, queue);
    const dma = queue.bufferDma!;
    const { store } = Object.getPrototypeOf(dma) as typeof dma;
    dma.store = (iova, from, at = 0, length = from.length - at) => {
      try {
        store.call(dma, iova, from, at, length);
      } catch (error) {
        const entry = dma.table.find(iova);
        if (!(error instanceof DmaFault) || entry === undefined) throw error;
        device.port.store(entry.addr + iova - entry.iova, from, at, length);
      }
    };
  };
}

/** Parents whose IOTLB is not what it was told. */
export const VDPA_MAPPINGS: readonly Defect[] = [
  simulated(
    {
      id: 'vdpa/set-map-merges',
      parents: ['simulator-blk'],
      breaks: ['VDPA-060'],
      what: 'set_map adds to the table instead of replacing it.',
      options: { dma: 'set' },
      origin: 'TL-08: set_map with half of a change',
    },
    (device) => {
      if (device.setMap === undefined) return;
      device.setMap = (asid, table) => {
        for (const { iova, size, addr, perm } of table) device.translation.map(asid, iova, size, addr, perm);
        device.mappingsChanged();
        return 0;
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/empty-table-ignored',
      breaks: ['VDPA-061'],
      what: 'set_map with an empty table changes nothing.',
      options: { dma: 'set' },
    },
    (device) => {
      const { setMap } = device;
      if (setMap === undefined) return;
      // One table earlier the mappings went one by one; the parent keeps the last set that was worth a table.
      let whole: Parameters<typeof setMap>[1] = [];
      device.setMap = (asid, table) => {
        if (table.length >= whole.length) whole = table.map((entry) => ({ ...entry }));
        return setMap.call(device, asid, table.length === 0 ? whole : table);
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/one-table-for-all',
      parents: NET,
      breaks: ['VDPA-063'],
      what: 'All address spaces share one table.',
      origin: 'TL-10: the control queue uses the data address space',
    },
    (device) => {
      const { tables } = device.translation;
      tables.fill(tables[0]);
    },
  ),
  simulated(
    {
      id: 'vdpa/mapping-restarts-queues',
      breaks: ['VDPA-064'],
      what: 'A new mapping rebuilds the queues at their start.',
    },
    (device) => {
      device.mappingsChanged = () => {
        for (const queue of device.queues) {
          if (queue.ring === null || queue.latched === null) continue;
          queue.start = initialVqState();
          queue.ring = device.createRing(queue, queue.latched);
        }
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/only-first-byte-checked',
      parents: ['simulator-blk'],
      breaks: ['VDPA-065'],
      what: 'A buffer is translated by its first byte only.',
      origin: 'TL-01: translation checks only the first byte',
    },
    ignorePermissions,
  ),
  simulated(
    {
      id: 'vdpa/permissions-ignored',
      parents: ['simulator-blk'],
      breaks: ['VDPA-068'],
      what: 'Read-only memory is written.',
      origin: 'TL-02: permission ignored',
    },
    ignorePermissions,
  ),
  simulated(
    {
      id: 'vdpa/unmap-takes-the-latest',
      parents: ['simulator-blk'],
      breaks: ['VDPA-066'],
      what: 'dma_unmap removes the latest mapping, whatever range it names.',
    },
    (device) => {
      const { dmaMap } = device;
      if (dmaMap === undefined) return;
      let latest: [number, number] | undefined;
      device.dmaMap = (asid, iova, size, addr, perm: Perm) => {
        latest = [iova, size];
        return dmaMap.call(device, asid, iova, size, addr, perm);
      };
      device.dmaUnmap = (asid) => (latest ? device.translation.unmap(asid, ...latest) : 0);
    },
  ),
  simulated(
    {
      id: 'vdpa/unmap-does-nothing',
      parents: ['simulator-blk'],
      breaks: ['VDPA-066'],
      what: 'dma_unmap leaves the mapping usable.',
    },
    (device) => {
      if (device.dmaUnmap !== undefined) device.dmaUnmap = () => 0;
    },
  ),
  simulated(
    {
      id: 'vdpa/stray-unmap-clears',
      breaks: ['VDPA-067'],
      what: 'Unmapping a range that is not mapped destroys the address space.',
      origin: 'TL-04: the address space is destroyed too early',
    },
    (device) => {
      const { dmaUnmap } = device;
      if (dmaUnmap === undefined) return;
      device.dmaUnmap = (asid, iova, size) => {
        const table = device.translation.tables[asid];
        if (table !== undefined && table.find(iova) === undefined) table.clear();
        return dmaUnmap.call(device, asid, iova, size);
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/address-space-unchecked',
      breaks: ['VDPA-071'],
      what: 'Mapping ops accept any address space.',
      origin: 'TL-11: group or address space index is not bounded',
    },
    (device) => {
      const { translation } = device;
      const { map, assign, clear } = translation;
      const known = (asid: number) => translation.tables[asid] !== undefined;
      translation.map = (asid, iova, size, addr, perm) =>
        known(asid) ? map.call(translation, asid, iova, size, addr, perm) : 0;
      translation.assign = (group, asid) => (known(asid) ? assign.call(translation, group, asid) : 0);
      translation.clear = (asid) => (known(asid) ? clear.call(translation, asid) : 0);
    },
  ),
  simulated(
    {
      id: 'vdpa/last-page-refused',
      parents: ['simulator-blk'],
      breaks: ['VDPA-072'],
      what: 'A mapping that ends with the usable range is refused.',
      origin: 'TL-07: the end of a range is computed as start plus size',
      fuzz: 'yes',
    },
    (device) => {
      const { map } = device.translation;
      const { last } = device.getIovaRange();
      device.translation.map = (asid, iova, size, addr, perm) =>
        iova + size > last ? -ERRNO.EINVAL : map.call(device.translation, asid, iova, size, addr, perm);
    },
  ),
  simulated(
    {
      id: 'vdpa/fault-is-for-ever',
      breaks: ['VDPA-074'],
      what: 'After a fault the device serves nothing, reset or not.',
    },
    (device) => {
      const { port, runnable } = device;
      const { refuse } = port;
      let dead = false;
      port.refuse = (fault) => {
        dead = true;
        return refuse.call(port, fault);
      };
      device.runnable = (queue) => !dead && runnable.call(device, queue);
    },
  ),
];
