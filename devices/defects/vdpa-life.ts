import { ERRNO, initialVqState, PERM, type ProcessAddresses } from '../../framework/device.ts';
import { F_ACCESS_PLATFORM } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { Defect } from './defect.ts';
import { parent } from './vdpa.ts';

const NET = ['simulator-net'] as const;
const BLK = ['simulator-blk'] as const;

const PAGE = 4096;

/** Parents that start, stop, keep and go in a wrong way. */
export const VDPA_LIFE_DEFECTS: readonly Defect[] = [
  parent(
    {
      id: 'vdpa/failed-start-shows-driver-ok',
      breaks: ['VDPA-017'],
      what: 'A start that fails shows DRIVER_OK beside DEVICE_NEEDS_RESET.',
    },
    (device) => {
      const { startDevice } = device;
      device.startDevice = () => {
        startDevice.call(device);
        device.status |= STATUS.DRIVER_OK;
      };
    },
  ),
  parent(
    {
      id: 'vdpa/half-stopped',
      breaks: ['VDPA-018'],
      what: 'A status write without DRIVER_OK stops the queues and leaves the status as it is.',
    },
    (device) => {
      const { setStatus } = device;
      device.setStatus = (status) => {
        if (device.driverOk && (status & STATUS.DRIVER_OK) === 0)
          for (const queue of device.queues) device.stopQueue(queue);
        setStatus.call(device, status);
      };
    },
  ),
  parent(
    {
      id: 'vdpa/state-accepted-and-ignored',
      breaks: ['VDPA-030'],
      what: 'set_vq_state succeeds for every position and stores none.',
      origin: 'SM-03: a parent without state support says that it has it',
    },
    (device) => {
      device.setVqState = () => 0;
    },
  ),
  parent(
    {
      id: 'vdpa/state-is-a-guess',
      breaks: ['VDPA-036'],
      what: 'get_vq_state of a running queue answers with position 0.',
    },
    (device) => {
      const { getVqState } = device;
      device.getVqState = (idx, state) => {
        if (device.queues[idx]?.ring == null) return getVqState.call(device, idx, state);
        Object.assign(state, initialVqState());
        return 0;
      };
    },
  ),
  parent(
    {
      id: 'vdpa/access-platform-optional',
      breaks: ['VDPA-046'],
      what: 'Features without ACCESS_PLATFORM are accepted.',
    },
    (device) => {
      const { featuresAcceptable } = device;
      device.featuresAcceptable = (features) =>
        featuresAcceptable.call(device, features | (device.profile.features & F_ACCESS_PLATFORM));
    },
  ),
  parent(
    {
      id: 'vdpa/features-go-with-a-queue',
      breaks: ['VDPA-050'],
      what: 'get_driver_features gives 0 once a queue was disabled.',
      seenBy: 'model',
    },
    (device) => {
      const { setVqReady, getDriverFeatures } = device;
      let gone = false;
      device.setVqReady = (idx, ready) => {
        setVqReady.call(device, idx, ready);
        if (!ready) gone = true;
      };
      device.getDriverFeatures = () => (gone ? 0n : getDriverFeatures.call(device));
    },
  ),
  parent(
    {
      id: 'vdpa/config-callback-too-early',
      breaks: ['VDPA-058'],
      what: 'Configuration changes are told at any status.',
    },
    (device) => {
      device.notifyConfig = () => device.configCallback?.();
    },
  ),
  parent(
    {
      id: 'vdpa/interrupts-move',
      breaks: ['VDPA-095'],
      what: 'Every question for an interrupt number gets another one.',
      options: { irqs: 'yes' },
    },
    (device) => {
      let next = 32;
      device.getVqIrq = () => next++;
    },
  ),
  parent(
    {
      id: 'vdpa/works-on-after-delete',
      fuzz: 'nothing can follow a device that is gone, and sequences go on',
      breaks: ['VDPA-098'],
      what: 'The used index is written once more after the device was deleted.',
      origin: 'RS-11: a work item that is still queued when its device goes',
    },
    (device) => {
      const { reset, free, pump } = device;
      let place = -1;
      let late = -1;
      device.reset = () => {
        const [queue] = device.queues.filter(({ ring }) => ring !== null);
        if (queue !== undefined) place = queue.ringDma!.translate(queue.deviceArea + 2, 2, PERM.WO);
        return reset.call(device);
      };
      device.free = () => {
        free.call(device);
        late = place;
      };
      device.pump = (budget) => {
        if (late < 0) return pump.call(device, budget);
        device.port.put16(late, 0xffff);
        late = -1;
        return 1;
      };
    },
  ),
];

/** Parents with wrong tables and address spaces. */
export const VDPA_SPACE_DEFECTS: readonly Defect[] = [
  parent(
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
  parent(
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
  parent(
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
  parent(
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
  parent(
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
