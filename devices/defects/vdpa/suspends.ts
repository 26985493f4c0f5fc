import { ERRNO, initialVqState } from '../../../framework/device.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { type Defect, NET, simulated } from '../defect.ts';

/** Parents that stop, resume and go on in a wrong way. */
export const VDPA_SUSPENDS: readonly Defect[] = [
  simulated(
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
  simulated(
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
  simulated(
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
  simulated(
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
  simulated(
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
  simulated(
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
  simulated(
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
  simulated(
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
  simulated(
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
