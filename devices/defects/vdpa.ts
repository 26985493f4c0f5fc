import { ERRNO, initialVqState, type Perm } from '../../framework/device.ts';
import { DmaFault } from '../../framework/memory/host-memory.ts';
import { PackedDeviceRing } from '../../framework/virtqueue/device/packed.ts';
import { SplitDeviceRing } from '../../framework/virtqueue/device/split.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { SimulatorDevice } from '../simulator/core.ts';
import { copyVqState, type SimQueue } from '../simulator/queue.ts';
import { type Defect, defineDefect, onSplitRing } from './defect.ts';

const BOTH = ['simulator-net', 'simulator-blk'] as const;
const NET = ['simulator-net'] as const;

export type Facts = Partial<Defect> & Pick<Defect, 'id' | 'breaks' | 'what'>;

/** A parent that breaks the contract; the origin is the inverted rule unless it says otherwise. */
export const parent = (facts: Facts, seed: (device: SimulatorDevice) => void): Defect =>
  defineDefect({
    parents: BOTH,
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    ...facts,
    seed,
  });

/** Put a running queue somewhere else in its ring. */
function jumpTo({ ring }: SimQueue, index: number): void {
  if (ring instanceof SplitDeviceRing) {
    ring.nextAvail = index;
    ring.availIndex = index;
  } else if (ring instanceof PackedDeviceRing) {
    ring.availSlot = index;
  }
}

/** What `reset` does, and then `after`. */
function afterReset(device: SimulatorDevice, before: () => () => void): void {
  const { reset } = device;
  device.reset = () => {
    const after = before();
    const result = reset.call(device);
    after();
    return result;
  };
}

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

const resets: readonly Defect[] = [
  parent(
    {
      id: 'vdpa/driver-features-survive-reset',
      breaks: ['VDPA-003'],
      what: 'get_driver_features shows the last session after a reset.',
    },
    (device) => {
      let last = 0n;
      device.getDriverFeatures = () => {
        last = device.driverFeatures || last;
        return last;
      };
    },
  ),
  parent(
    {
      id: 'vdpa/config-callback-survives-reset',
      breaks: ['VDPA-005'],
      what: 'The configuration callback of the last session is called in the next.',
    },
    (device) =>
      afterReset(device, () => {
        const { configCallback } = device;
        return () => {
          device.configCallback = configCallback;
        };
      }),
  ),
  parent(
    {
      id: 'vdpa/position-survives-reset',
      breaks: ['VDPA-006'],
      what: 'A queue starts where the last session left it, unless told otherwise.',
      origin: 'SM-04: the base is taken from the old session',
    },
    (device) =>
      afterReset(device, () => {
        const states = device.queues.map(({ ring }) => ring?.state());
        return () =>
          device.queues.forEach(({ start }, i) => {
            const state = states[i];
            if (state !== undefined) copyVqState(state, start);
          });
      }),
  ),
  parent(
    {
      id: 'vdpa/addresses-survive-reset',
      breaks: ['VDPA-006'],
      what: 'A queue that is made ready without addresses runs on the old rings.',
      origin: 'RS-02: ring addresses survive a reset',
    },
    (device) =>
      afterReset(device, () => {
        const old = device.queues.map(({ addressSet, num, descArea, driverArea, deviceArea }) => ({
          addressSet,
          num,
          descArea,
          driverArea,
          deviceArea,
        }));
        return () => device.queues.forEach((queue, i) => void Object.assign(queue, old[i]));
      }),
  ),
  parent(
    {
      id: 'vdpa/second-reset-fails',
      breaks: ['VDPA-008'],
      what: 'A reset at status 0 is refused.',
      origin: 'RS-08: the second reset waits for a thread that has finished',
    },
    (device) => {
      const { reset } = device;
      device.reset = () => (device.status === 0 ? -ERRNO.EINVAL : reset.call(device));
    },
  ),
  parent(
    {
      id: 'vdpa/reset-drops-mappings',
      breaks: ['VDPA-010'],
      what: 'A plain reset drops the mappings although reset_map is there.',
      origin: 'RS-14: mappings dropped or kept against the rule on reset',
    },
    (device) => afterReset(device, () => () => device.translation.clearAll()),
  ),
  parent(
    {
      id: 'vdpa/clean-map-keeps-mappings',
      breaks: ['VDPA-011'],
      what: 'compat_reset ignores its flag.',
      origin: 'RS-14: mappings dropped or kept against the rule on reset',
    },
    (device) => {
      device.compatReset = () => device.reset();
    },
  ),
  parent(
    {
      id: 'vdpa/suspension-survives-reset',
      breaks: ['VDPA-012'],
      what: 'After suspend and reset the next session is frozen.',
      origin: 'SM-07: the suspended flag survives a reset',
    },
    (device) =>
      afterReset(device, () => {
        const { suspended } = device;
        return () => {
          device.suspended = suspended;
        };
      }),
  ),
  parent(
    {
      id: 'vdpa/groups-survive-reset',
      parents: NET,
      breaks: ['VDPA-013'],
      what: 'Groups stay in the address space of the last session.',
    },
    (device) => {
      device.translation.resetGroups = () => {};
    },
  ),
];

const queues: readonly Defect[] = [
  parent(
    {
      id: 'vdpa/size-changes-under-way',
      breaks: ['VDPA-023'],
      what: 'A new size or address of a running queue takes effect at once.',
    },
    (device) => {
      const { setVqNum, setVqAddress } = device;
      const latchNow = (idx: number) => {
        const queue = device.queues[idx];
        if (queue?.ring == null) return;
        const state = queue.ring.state();
        const config = device.latch(queue);
        if (config === null) return;
        copyVqState(state, queue.start);
        queue.latched = config;
        queue.ring = device.createRing(queue, config);
      };
      device.setVqNum = (idx, num) => {
        setVqNum.call(device, idx, num);
        latchNow(idx);
      };
      device.setVqAddress = (idx, desc, driver, area) => {
        const result = setVqAddress.call(device, idx, desc, driver, area);
        latchNow(idx);
        return result;
      };
    },
  ),
  parent(
    {
      id: 'vdpa/ready-is-forgotten',
      breaks: ['VDPA-024'],
      what: 'A queue that was disabled still reads as ready.',
      origin: 'QS-11: get_vq_ready answers for something else',
    },
    (device) => {
      const { getVqReady } = device;
      device.getVqReady = (idx) => getVqReady.call(device, idx) || (device.queues[idx]?.addressSet ?? false);
    },
  ),
  parent(
    {
      id: 'vdpa/disable-does-not-stop',
      breaks: ['VDPA-025'],
      what: 'A disabled queue works off what it has.',
      origin: 'RS-11: one more buffer is processed after the flag was cleared',
    },
    (device) => {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        const queue = device.queues[idx];
        if (!ready && queue?.ring != null) queue.ready = false;
        else setVqReady.call(device, idx, ready);
      };
    },
  ),
  parent(
    {
      id: 'vdpa/ready-starts-at-zero',
      breaks: ['VDPA-026'],
      what: 'A queue that was disabled begins at the start again.',
    },
    (device) => {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        setVqReady.call(device, idx, ready);
        const queue = device.queues[idx];
        if (!ready && queue !== undefined) queue.start = initialVqState();
      };
    },
  ),
  parent(
    {
      id: 'vdpa/state-ignored',
      breaks: ['VDPA-027', 'VDPA-032'],
      what: 'set_vq_state succeeds and has no effect.',
    },
    (device) => {
      device.setVqState = () => 0;
    },
  ),
  parent(
    {
      id: 'vdpa/used-index-starts-at-zero',
      breaks: ['VDPA-028'],
      what: 'set_vq_state moves the avail position only.',
    },
    (device) =>
      onSplitRing(device, (ring) => {
        ring.usedIndex = 0;
      }),
  ),
  parent(
    {
      id: 'vdpa/initial-state-refused',
      breaks: ['VDPA-029'],
      what: 'A parent without state support refuses the initial state too.',
    },
    (device) => {
      device.setVqState = () => -ERRNO.EOPNOTSUPP;
    },
  ),
  parent(
    {
      id: 'vdpa/state-half-applied',
      breaks: ['VDPA-031'],
      what: 'set_vq_state on a running queue moves the avail position.',
    },
    (device) => {
      const { setVqState } = device;
      device.setVqState = (idx, state) => {
        const queue = device.queues[idx];
        if (queue?.ring == null) return setVqState.call(device, idx, state);
        jumpTo(queue, queue.packed ? state.packed.lastAvailIdx : state.split.availIndex);
        return 0;
      };
    },
  ),
  parent(
    {
      id: 'vdpa/state-is-another-counter',
      parents: ['simulator-blk'],
      breaks: ['VDPA-033'],
      what: 'get_vq_state reports the size of the ring.',
      origin: 'SM-02: the index of another counter is reported',
    },
    (device) => {
      const { getVqState } = device;
      device.getVqState = (idx, state) => {
        const result = getVqState.call(device, idx, state);
        const num = device.queues[idx]?.num ?? 0;
        state.split.availIndex = num;
        state.packed.lastAvailIdx = num;
        return result;
      };
    },
  ),
  parent(
    {
      id: 'vdpa/in-flight-counted-as-done',
      breaks: ['VDPA-034'],
      what: 'suspend drops requests that are under way and counts them as taken.',
      origin: 'SM-10: in-flight requests are neither completed nor reported',
    },
    (device) => {
      device.stopQueue = (queue) => {
        const { ring } = queue;
        if (ring === null) return;
        const state = ring.state();
        if (ring instanceof SplitDeviceRing) state.split.availIndex = ring.nextAvail;
        else if (ring instanceof PackedDeviceRing) {
          state.packed.lastAvailIdx = ring.availSlot;
          state.packed.lastAvailCounter = ring.availWrap;
        }
        copyVqState(state, queue.start);
        queue.stop();
      };
    },
  ),
  parent(
    {
      id: 'vdpa/state-without-used-part',
      breaks: ['VDPA-035'],
      what: 'get_vq_state leaves the used part of a packed state at 0.',
    },
    (device) => {
      const { getVqState } = device;
      device.getVqState = (idx, state) => {
        const result = getVqState.call(device, idx, state);
        state.packed.lastUsedIdx = 0;
        state.packed.lastUsedCounter = 0;
        return result;
      };
    },
  ),
  parent(
    {
      id: 'vdpa/index-unchecked',
      breaks: ['VDPA-037'],
      what: 'A kick with an index that does not exist ends the process.',
      origin: 'QS-07: an index used without a check',
      seenBy: 'run',
    },
    (device) => {
      const { kickVq } = device;
      device.kickVq = (idx) => {
        if (device.queues[idx] === undefined) throw new RangeError('queue index out of range');
        kickVq.call(device, idx);
      };
    },
  ),
  parent(
    {
      id: 'vdpa/minimum-above-maximum',
      breaks: ['VDPA-038'],
      what: 'Once features are negotiated get_vq_num_min is above get_vq_num_max.',
    },
    (device) => {
      device.getVqNumMin = () => (device.driverFeatures === 0n ? 1 : 2 * device.getVqNumMax());
    },
  ),
  parent(
    {
      id: 'vdpa/maximum-shrinks',
      breaks: ['VDPA-039'],
      what: 'get_vq_num_max gives the size that was set last.',
    },
    (device) => {
      const { getVqNumMax } = device;
      device.getVqNumMax = () => device.queues[0].num || getVqNumMax.call(device);
      device.sizeFits = (num) => num >= 1;
    },
  ),
  parent(
    {
      id: 'vdpa/size-only-shrinks',
      breaks: ['VDPA-040'],
      what: 'A size above an earlier one is ignored.',
      origin: 'QS-04: the ring size may only shrink',
    },
    (device) => {
      const { setVqNum } = device;
      const least: number[] = [];
      device.setVqNum = (idx, num) => {
        least[idx] = Math.min(num, least[idx] ?? num);
        setVqNum.call(device, idx, least[idx]);
      };
    },
  ),
  parent(
    {
      id: 'vdpa/size-above-maximum',
      breaks: ['VDPA-041'],
      what: 'get_vq_size is above get_vq_num_max.',
      origin: 'QS-01: the size reported differs from the one supported',
    },
    (device) => {
      const { getVqSize } = device;
      device.getVqSize = (idx) => 2 * getVqSize.call(device, idx) * 16;
    },
  ),
  parent({ id: 'vdpa/no-alignment', breaks: ['VDPA-042'], what: 'get_vq_align gives 0.' }, (device) => {
    device.getVqAlign = () => 0;
  }),
];

const features: readonly Defect[] = [
  parent(
    {
      id: 'vdpa/zero-features-crash',
      breaks: ['VDPA-047'],
      what: 'set_driver_features with 0 trips an assertion.',
      seenBy: 'run',
    },
    (device) => {
      const { setDriverFeatures } = device;
      device.setDriverFeatures = (mask) => {
        if (mask === 0n) throw new Error('assertion failed: features != 0');
        return setDriverFeatures.call(device, mask);
      };
    },
  ),
  parent(
    {
      id: 'vdpa/config-leaks',
      breaks: ['VDPA-053'],
      what: 'A read beyond the configuration space gives bytes of the host.',
      origin: 'CF-01: a read past the end returns neighbour memory',
    },
    (device) => {
      const { getConfig } = device;
      device.getConfig = (offset, buf) => {
        for (let i = 0; i < buf.length; i++) if (offset + i >= device.config.size) buf[i] = 0xee;
        getConfig.call(device, offset, buf);
      };
    },
  ),
  parent(
    {
      id: 'vdpa/config-too-short',
      breaks: ['VDPA-054'],
      what: 'get_config_size leaves out the last field.',
      origin: 'CF-08: the configuration structure has the wrong size',
    },
    (device) => {
      const { getConfigSize } = device;
      device.getConfigSize = () => getConfigSize.call(device) - 8;
    },
  ),
  parent(
    {
      id: 'vdpa/config-writable',
      breaks: ['VDPA-055'],
      what: 'set_config stores into every field.',
      origin: 'CF-04: a partial write is taken as the whole structure',
    },
    (device) => {
      device.acceptsConfigWrite = () => true;
    },
  ),
];

const mappings: readonly Defect[] = [
  parent(
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
  parent(
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
  parent(
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
  parent(
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
  parent(
    {
      id: 'vdpa/only-first-byte-checked',
      parents: ['simulator-blk'],
      breaks: ['VDPA-065'],
      what: 'A buffer is translated by its first byte only.',
      origin: 'TL-01: translation checks only the first byte',
    },
    ignorePermissions,
  ),
  parent(
    {
      id: 'vdpa/permissions-ignored',
      parents: ['simulator-blk'],
      breaks: ['VDPA-068'],
      what: 'Read-only memory is written.',
      origin: 'TL-02: permission ignored',
    },
    ignorePermissions,
  ),
  parent(
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
  parent(
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
  parent(
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
  parent(
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
  parent(
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
  parent(
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

const groups: readonly Defect[] = [
  parent(
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
  parent(
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
  parent(
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
  parent(
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
  parent(
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

const suspends: readonly Defect[] = [
  parent(
    {
      id: 'vdpa/suspend-is-a-flag',
      breaks: ['VDPA-081', 'VDPA-082', 'VDPA-089'],
      what: 'suspend returns at once and the queues go on.',
      origin: 'SM-01: buffers are processed after suspend returned',
    },
    (device) => {
      device.suspend = () => {
        device.suspended = true;
        return 0;
      };
    },
  ),
  parent(
    {
      id: 'vdpa/second-suspend-fails',
      breaks: ['VDPA-083'],
      what: 'suspend on a suspended device is an error.',
    },
    (device) => {
      const { suspend } = device;
      device.suspend = () => (device.suspended ? -ERRNO.EINVAL : suspend.call(device));
    },
  ),
  parent(
    {
      id: 'vdpa/kicks-lost-over-suspension',
      breaks: ['VDPA-084'],
      what: 'Kicks during suspension are dropped, and resume does not look.',
      origin: 'SM-08: resume loses notifications',
    },
    (device) => {
      const { resume } = device;
      device.resume = () => {
        const result = resume.call(device);
        for (const queue of device.queues) queue.pending = false;
        return result;
      };
    },
  ),
  parent(
    {
      id: 'vdpa/resume-starts-at-zero',
      breaks: ['VDPA-085'],
      what: 'resume starts every queue at its beginning.',
    },
    (device) => {
      const { resume } = device;
      device.resume = () => {
        if (device.suspended) for (const queue of device.queues) queue.start = initialVqState();
        return resume.call(device);
      };
    },
  ),
  parent(
    {
      id: 'vdpa/resume-needs-suspend',
      breaks: ['VDPA-086'],
      what: 'resume on a running device stops its queues.',
    },
    (device) => {
      const { resume } = device;
      device.resume = () => {
        if (device.suspended) return resume.call(device);
        for (const queue of device.queues) queue.stop();
        return 0;
      };
    },
  ),
  parent(
    { id: 'vdpa/suspend-clears-driver-ok', breaks: ['VDPA-087'], what: 'suspend clears DRIVER_OK.' },
    (device) => {
      const { suspend } = device;
      device.suspend = () => {
        const result = suspend.call(device);
        device.status &= ~STATUS.DRIVER_OK;
        return result;
      };
    },
  ),
  parent(
    {
      id: 'vdpa/ready-starts-suspended-queue',
      breaks: ['VDPA-088'],
      what: 'set_vq_ready starts a queue of a suspended device.',
      origin: 'SM-05: enabling while suspended starts processing',
    },
    (device) => {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        setVqReady.call(device, idx, ready);
        const queue = device.queues[idx];
        if (ready && device.suspended && queue !== undefined && queue.ring === null) device.startQueue(queue);
      };
    },
  ),
  parent(
    {
      id: 'vdpa/link-change-during-suspension',
      breaks: ['VDPA-089'],
      what: 'Configuration changes are announced during suspension.',
    },
    (device) => {
      device.notifyConfig = () => {
        if (device.driverOk) device.configCallback?.();
      };
      device.changeConfig = (offset, bytes) => {
        if (!device.config.store(offset, bytes)) return;
        device.configChanged(offset, bytes.length);
        device.notifyConfig();
      };
    },
  ),
  parent(
    {
      id: 'vdpa/control-queue-not-suspended',
      parents: NET,
      breaks: ['VDPA-090'],
      what: 'suspend stops the data queues only.',
    },
    (device) => {
      device.suspend = () => {
        for (const queue of device.queues) if (device.getVqGroup(queue.index) === 0) device.stopQueue(queue);
        device.suspended = true;
        return 0;
      };
    },
  ),
];

const callbacks: readonly Defect[] = [
  parent(
    {
      id: 'vdpa/callback-structure-kept',
      breaks: ['VDPA-091'],
      what: 'The structure of the caller is kept, not copied.',
    },
    (device) => {
      device.setVqCb = (idx, cb) => {
        const queue = device.queues[idx];
        if (queue !== undefined) queue.callback = () => cb.callback?.();
      };
    },
  ),
  parent(
    {
      id: 'vdpa/callback-before-data',
      breaks: ['VDPA-093'],
      what: 'The callback comes before the used entry is in memory.',
    },
    (device) => {
      device.publish = (queue) => {
        queue.callback?.();
        queue.ring!.publish();
      };
    },
  ),
  parent(
    {
      id: 'vdpa/callback-for-the-first-only',
      breaks: ['VDPA-093'],
      what: 'Of a burst only the first completion is announced.',
      origin: 'IR-10: used interrupt only for the first completion of a burst',
    },
    (device) => {
      const { interrupt, kickVq } = device;
      const told = new Set<SimQueue>();
      device.kickVq = (idx) => {
        told.delete(device.queues[idx]);
        kickVq.call(device, idx);
      };
      device.interrupt = (queue) => {
        if (told.has(queue)) return;
        told.add(queue);
        interrupt.call(device, queue);
      };
    },
  ),
  parent(
    {
      id: 'vdpa/trigger-and-callback',
      breaks: ['VDPA-094'],
      what: 'Callback and trigger are both signalled.',
    },
    (device) => {
      device.setVqCb = (idx, { callback, trigger }) => {
        const queue = device.queues[idx];
        if (queue === undefined) return;
        queue.callback =
          callback === null
            ? null
            : () => {
                callback();
                trigger?.();
              };
      };
    },
  ),
];

/** Parents that break the vDPA contract. */
export const VDPA_DEFECTS: readonly Defect[] = [
  ...resets,
  ...queues,
  ...features,
  ...mappings,
  ...groups,
  ...suspends,
  ...callbacks,
];
