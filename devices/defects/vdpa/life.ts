import { initialVqState, PERM } from '../../../framework/device.ts';
import { F_ACCESS_PLATFORM } from '../../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { type Defect, simulated } from '../defect.ts';

/** Parents that start, stop, keep and go in a wrong way. */
export const VDPA_LIFE: readonly Defect[] = [
  simulated(
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
  simulated(
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
  simulated(
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
  simulated(
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
  simulated(
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
  simulated(
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
  simulated(
    {
      id: 'vdpa/config-callback-too-early',
      breaks: ['VDPA-058'],
      what: 'Configuration changes are told at any status.',
    },
    (device) => {
      device.notifyConfig = () => device.configCallback?.();
    },
  ),
  simulated(
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
  simulated(
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
