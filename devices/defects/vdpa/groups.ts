import { ERRNO } from '../../../framework/device.ts';
import { type Defect, NET, simulated } from '../defect.ts';

/** Parents that mix up virtqueue groups and address spaces. */
export const VDPA_GROUPS: readonly Defect[] = [
  simulated(
    {
      id: 'vdpa/group-out-of-range',
      breaks: ['VDPA-075'],
      what: 'The last queue has a group that does not exist.',
    },
    (device) => {
      const { getVqGroup } = device;
      device.getVqGroup = (idx) =>
        idx === device.nvqs - 1 && device.driverFeatures !== 0n
          ? device.ngroups
          : getVqGroup.call(device, idx);
      const { tableOf } = device.translation;
      device.translation.tableOf = (group) =>
        tableOf.call(device.translation, Math.min(group, device.ngroups - 1));
    },
  ),
  simulated(
    {
      id: 'vdpa/control-queue-in-data-group',
      parents: NET,
      breaks: ['VDPA-076'],
      what: 'The control queue shares the group of the data queues.',
    },
    (device) => {
      device.getVqGroup = () => 0;
    },
  ),
  simulated(
    {
      id: 'vdpa/rings-stay-behind',
      parents: NET,
      breaks: ['VDPA-077'],
      what: 'Ring areas are read in address space 0 whatever the group is assigned to.',
      origin: 'TL-10: set_group_asid is ignored for part of the accesses',
    },
    (device) => {
      const { aimViews } = device;
      device.aimViews = (queue) => {
        aimViews.call(device, queue);
        queue.ringDma!.retarget(device.translation.tables[0]);
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/assign-before-map-only',
      parents: NET,
      breaks: ['VDPA-078'],
      what: 'A group cannot be assigned to an address space that has mappings.',
    },
    (device) => {
      const { setGroupAsid } = device;
      device.setGroupAsid = (group, asid) =>
        asid !== 0 && (device.translation.tables[asid]?.entries.length ?? 0) > 0
          ? -ERRNO.EBUSY
          : setGroupAsid.call(device, group, asid);
    },
  ),
  simulated(
    {
      id: 'vdpa/one-group-per-space',
      parents: NET,
      breaks: ['VDPA-079'],
      what: 'An address space that a group uses is refused to others.',
    },
    (device) => {
      const { setGroupAsid } = device;
      device.setGroupAsid = (group, asid) =>
        device.translation.groupAsid.some((other, g) => g !== group && other === asid)
          ? -ERRNO.EBUSY
          : setGroupAsid.call(device, group, asid);
    },
  ),
];
