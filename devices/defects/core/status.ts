import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { BOTH, type Defect, defineDefect } from '../defect.ts';

/** Device status. */
export const CORE_STATUS: readonly Defect[] = [
  defineDefect({
    id: 'core/reset-keeps-failed',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D1', 'VDPA-001'],
    what: 'A reset leaves FAILED in the status.',
    origin: 'ST-01: Firecracker, status did not read 0 after a reset',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { reset } = device;
      device.reset = () => {
        const failed = device.status & STATUS.FAILED;
        const result = reset.call(device);
        device.status = failed;
        return result;
      };
    },
  }),
  defineDefect({
    id: 'core/reset-keeps-needs-reset',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D1'],
    what: 'The error latch survives the reset.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { reset } = device;
      device.reset = () => {
        const latch = device.status & STATUS.DEVICE_NEEDS_RESET;
        const result = reset.call(device);
        device.status = latch;
        return result;
      };
    },
  }),
  defineDefect({
    id: 'core/status-flaps-after-reset',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D1'],
    what: 'The first read after a reset gives 0, later ones the old status.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { reset, getStatus, setStatus } = device;
      let old = 0;
      let reads = 0;
      device.reset = () => {
        old = device.status;
        reads = 0;
        return reset.call(device);
      };
      device.setStatus = (status) => {
        old = 0;
        setStatus.call(device, status);
      };
      device.getStatus = () => (old !== 0 && reads++ > 0 ? old : getStatus.call(device));
    },
  }),
  defineDefect({
    id: 'core/driver-ok-not-readable',
    parents: BOTH,
    breaks: ['P1.1-019b', 'VDPA-016'],
    what: 'DRIVER_OK takes effect but does not read back.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getStatus } = device;
      device.getStatus = () => getStatus.call(device) & ~STATUS.DRIVER_OK;
    },
  }),
  defineDefect({
    id: 'core/status-read-clears',
    parents: BOTH,
    breaks: ['VDPA-019'],
    what: 'Reading the status clears DEVICE_NEEDS_RESET.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getStatus } = device;
      device.getStatus = () => {
        const status = getStatus.call(device);
        device.status &= ~STATUS.DEVICE_NEEDS_RESET;
        return status;
      };
    },
  }),
  defineDefect({
    id: 'core/starts-when-ready',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D2', 'VDPA-021'],
    what: 'A queue runs as soon as it is ready, DRIVER_OK or not.',
    origin: 'text inverted',
    seenBy: 'invariant',
    fuzz: 'yes',
    seed(device) {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        setVqReady.call(device, idx, ready);
        const queue = device.queues[idx];
        if (queue?.ready && queue.ring === null && !device.suspended) device.startQueue(queue);
      };
    },
  }),
  defineDefect({
    id: 'core/early-kick-starts',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D2', 'VDPA-021'],
    what: 'A kick before DRIVER_OK starts the queue.',
    origin: 'text inverted',
    seenBy: 'invariant',
    fuzz: 'yes',
    seed(device) {
      const { kickVq } = device;
      device.kickVq = (idx) => {
        const queue = device.queues[idx];
        if (queue?.ready && queue.ring === null && !device.suspended) device.startQueue(queue);
        kickVq.call(device, idx);
      };
    },
  }),
  defineDefect({
    id: 'core/forgets-early-buffers',
    parents: BOTH,
    breaks: ['VDPA-020'],
    what: 'Buffers that were available before DRIVER_OK are passed over.',
    origin: 'ST-10: the first request stalls when the queue was not live yet',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.started = () => {
        for (const { ring } of device.queues) {
          for (let n = 0; ring !== null && n < 8; n++) if (ring.pop() === null) break;
        }
      };
    },
  }),
  defineDefect({
    id: 'core/dies-in-silence',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D3'],
    what: 'After an error the device stops, and the status does not show it.',
    origin: 'ST-08: one parse error ended the worker thread, the status stayed DRIVER_OK',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.needsReset = (why) => {
        device.broken = true;
        device.failure = why;
      };
    },
  }),
  defineDefect({
    id: 'core/needs-reset-without-notification',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D4'],
    what: 'DEVICE_NEEDS_RESET is set and nobody is told.',
    origin: 'ST-04: Cloud Hypervisor, per-handler book-keeping without a notification',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.needsReset = (why) => {
        device.broken = true;
        device.failure = why;
        device.status |= STATUS.DEVICE_NEEDS_RESET;
      };
    },
  }),
  defineDefect({
    id: 'core/needs-reset-told-too-early',
    parents: BOTH,
    breaks: ['V1.1-2.1.2-D4'],
    what: 'The notification comes before DEVICE_NEEDS_RESET can be read.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.needsReset = (why) => {
        if (device.broken) return;
        device.broken = true;
        device.failure = why;
        device.notifyConfig();
        device.status |= STATUS.DEVICE_NEEDS_RESET;
      };
    },
  }),
];
