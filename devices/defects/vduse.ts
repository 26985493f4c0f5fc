import { initialVqState } from '../../framework/device.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { VduseDevice } from '../vduse/kernel/vduse-device.ts';
import { ENTRY, INFO, MESSAGE } from '../vduse/protocol.ts';
import { type Defect, type DefectFacts, defineDefect, USUAL } from './defect.ts';

const BOTH = ['vduse-blk', 'vduse-net'] as const;

/** A kernel side, or a daemon, that gets the protocol wrong. */
const vduse = (facts: DefectFacts, seed: (device: VduseDevice) => void = () => {}): Defect =>
  defineDefect({
    parents: BOTH,
    ...USUAL,
    ...facts,
    seed: (device) => seed(device as unknown as VduseDevice),
  });

/** A message with its payload, as the kernel is about to send it. */
interface Outgoing {
  readonly type: number;
  readonly payload: DataView;
}

/** Messages that `lost` picks out are answered as if the daemon had carried them out, and it never hears of them. */
function lose(device: VduseDevice, lost: (message: Outgoing) => boolean): void {
  const { node } = device;
  const { request } = node;
  node.request = (type, fill = () => {}) => {
    const payload = new DataView(new ArrayBuffer(128));
    fill(payload);
    return lost({ type, payload }) ? payload : request.call(node, type, fill);
  };
}

const sets = ({ type, payload }: Outgoing, bit: number) =>
  type === MESSAGE.SET_STATUS && (payload.getUint8(0) & bit) !== 0;

/** Messages that get lost on their way to the daemon. */
const lost: readonly Defect[] = [
  vduse(
    {
      id: 'vduse/driver-ok-not-delivered',
      breaks: ['P1.1-019f', 'P1.1-016'],
      what: 'The status with DRIVER_OK never reaches the daemon, which goes on waiting for it.',
      origin: 'VD-01: the daemon misses a status message',
    },
    (device) => lose(device, (message) => sets(message, STATUS.DRIVER_OK)),
  ),
  vduse(
    {
      id: 'vduse/reset-not-delivered',
      breaks: ['P1.1-019a', 'V1.1-2.1.2-D3'],
      what: 'A reset stays with the kernel: the daemon goes on with the last session.',
    },
    (device) => lose(device, ({ type, payload }) => type === MESSAGE.SET_STATUS && payload.getUint8(0) === 0),
  ),
  vduse(
    {
      id: 'vduse/mappings-not-told',
      breaks: ['VDPA-064', 'VDPA-074'],
      what: 'The daemon is not told that mappings have changed, and keeps those that it asked for first.',
      origin: 'UPDATE_IOTLB lost',
    },
    (device) => lose(device, ({ type }) => type === MESSAGE.UPDATE_IOTLB),
  ),
  vduse(
    {
      id: 'vduse/stop-not-told',
      breaks: ['VDPA-025'],
      what: 'A queue that is no longer ready is served on.',
    },
    (device) =>
      lose(device, ({ type, payload }) => type === MESSAGE.SET_VQ_READY && payload.getUint32(4) === 0),
  ),
  vduse(
    {
      id: 'vduse/late-start-not-told',
      breaks: ['VDPA-026'],
      what: 'A queue that becomes ready after DRIVER_OK is never served.',
    },
    (device) =>
      lose(device, ({ type, payload }) => type === MESSAGE.SET_VQ_READY && payload.getUint32(4) !== 0),
  ),
];

/** Answers that are taken for something else. */
const answers: readonly Defect[] = [
  vduse(
    {
      id: 'vduse/stale-answer-taken',
      breaks: ['VDPA-036'],
      what: 'An answer that comes too late is taken for that of the next request: positions are those of the last question.',
    },
    (device) => {
      const { node } = device;
      const { request } = node;
      let late: DataView | null = null;
      node.request = (type, fill) => {
        const answer = request.call(node, type, fill);
        if (type !== MESSAGE.GET_VQ_STATE || answer === null) return answer;
        const now = new DataView(
          new Uint8Array(new Uint8Array(answer.buffer, answer.byteOffset, 128)).buffer,
        );
        const given = late ?? now;
        late = now;
        return given;
      };
    },
  ),
  vduse(
    {
      id: 'vduse/refused-status-shown',
      breaks: ['V1.1-2.2.2-D2b', 'VDPA-048'],
      what: 'The status is stored before the daemon has answered, and stays although it refuses.',
    },
    (device) => {
      const { tellStatus } = device;
      device.tellStatus = (status) => {
        const taken = tellStatus.call(device, status);
        device.getStatus = () => status;
        return taken || true;
      };
    },
  ),
];

/** A daemon that behaves as `daemon` says; whoever waits for one that is silent need not wait long. */
const daemon = (way: string, facts: DefectFacts): Defect =>
  vduse({ fuzz: 'each sequence that meets it costs the thread of a daemon', ...facts }, (device) => {
    device.command({ do: 'behave', daemon: way });
    if (way.endsWith('stalls')) device.node.timeout = 200;
  });

/** Daemons that end, fall silent, or answer wrongly. */
const daemons: readonly Defect[] = [
  daemon('dies', {
    id: 'vduse/daemon-dies-at-start',
    breaks: ['P1.1-019f', 'P1.1-016'],
    what: 'The daemon ends when it is told of DRIVER_OK.',
    origin: 'a daemon that crashes while it starts its queues',
    seenBy: 'run',
  }),
  daemon('stalls', {
    id: 'vduse/daemon-stalls-at-start',
    breaks: ['P1.1-019f', 'P1.1-016'],
    what: 'The daemon never answers DRIVER_OK, and the device is broken.',
    origin: 'a message that is not answered within msg_timeout',
    seenBy: 'run',
  }),
  daemon('update-dies', {
    id: 'vduse/daemon-dies-at-update',
    breaks: ['VDPA-064'],
    what: 'The daemon ends when mappings change while it runs.',
    seenBy: 'run',
  }),
  daemon('update-stalls', {
    id: 'vduse/update-unanswered',
    breaks: ['VDPA-064'],
    what: 'UPDATE_IOTLB is never answered while the queues run.',
    origin: 'a message that is not answered within msg_timeout',
    seenBy: 'run',
  }),
  daemon('update-lies', {
    id: 'vduse/update-answered-under-another-id',
    breaks: ['VDPA-064'],
    what: 'The answer to UPDATE_IOTLB has the id of another request.',
    seenBy: 'run',
  }),
  daemon('update-refuses', {
    id: 'vduse/update-refused',
    breaks: ['VDPA-064'],
    what: 'The daemon says that UPDATE_IOTLB failed, and the kernel maps nothing.',
  }),
  daemon('update-ignores', {
    id: 'vduse/update-answered-and-ignored',
    breaks: ['VDPA-064'],
    what: 'The daemon says that UPDATE_IOTLB was carried out, and keeps the mappings that it had.',
  }),
];

/** Positions that are not carried between driver and daemon. */
const positions: readonly Defect[] = [
  vduse(
    {
      id: 'vduse/position-not-handed-over',
      breaks: ['VDPA-027'],
      what: 'VQ_GET_INFO tells every daemon to start at the beginning.',
    },
    (device) => {
      const { describe } = device;
      device.describe = (queue, area) => {
        const { state } = queue;
        queue.state = initialVqState();
        describe.call(device, queue, area);
        queue.state = state;
      };
    },
  ),
  vduse(
    {
      id: 'vduse/position-not-asked',
      breaks: ['VDPA-033'],
      what: 'The position of a queue is the one that the driver set, wherever the daemon has got to.',
      origin: 'GET_VQ_STATE not sent',
    },
    (device) => {
      device.pull = () => true;
    },
  ),
  vduse(
    {
      id: 'vduse/position-of-the-other-format',
      breaks: ['P1.1-001', 'P1.1-002'],
      what: 'The position of a packed queue is told as that of a split one.',
      origin: 'VD-07: packed and split halves of the union mixed',
    },
    (device) => {
      const { describe } = device;
      device.describe = (queue, area) => {
        describe.call(device, queue, area);
        area.setUint16(INFO.STATE, queue.state.split.availIndex, true);
        for (let i = 1; i < 4; i++) area.setUint16(INFO.STATE + 2 * i, 0, true);
      };
    },
  ),
];

/** What the daemon does and the driver does not get to know, or the other way round. */
const unheard: readonly Defect[] = [
  vduse(
    {
      id: 'vduse/configuration-not-stored',
      breaks: ['P1.1-019d', 'VDPA-059'],
      what: 'DEV_SET_CONFIG succeeds and the driver goes on reading the old bytes.',
    },
    (device) => {
      device.storeConfig = () => 0;
    },
  ),
  vduse(
    {
      id: 'vduse/configuration-interrupt-lost',
      breaks: ['VDPA-057'],
      what: 'DEV_INJECT_CONFIG_IRQ reaches nobody.',
    },
    ({ node }) => {
      node.injectConfig = () => {};
    },
  ),
  vduse(
    {
      id: 'vduse/configuration-interrupt-before-driver-ok',
      breaks: ['VDPA-058'],
      what: 'DEV_INJECT_CONFIG_IRQ is not bound to DRIVER_OK.',
    },
    (device) => {
      let listener: (() => void) | null = null;
      const { setConfigCb, reset, node } = device;
      device.setConfigCb = (cb) => {
        listener = cb.callback;
        setConfigCb.call(device, cb);
      };
      device.reset = () => {
        listener = null;
        return reset.call(device);
      };
      const { injectConfig } = node;
      node.injectConfig = () => {
        if ((device.getStatus() & STATUS.DRIVER_OK) !== 0) injectConfig.call(node);
        else listener?.();
      };
    },
  ),
  vduse(
    {
      id: 'vduse/interrupt-lost',
      breaks: ['P1.1-012', 'V1.1-2.6.7.2-D3'],
      what: 'Every other VQ_INJECT_IRQ reaches nobody.',
    },
    ({ node }) => {
      const { injectQueue } = node;
      let count = 0;
      node.injectQueue = (idx) => {
        if (count++ % 2 === 0) injectQueue.call(node, idx);
      };
    },
  ),
  vduse(
    {
      id: 'vduse/interrupt-of-the-queue-beside',
      parents: ['vduse-net'],
      breaks: ['VDPA-093'],
      what: 'VQ_INJECT_IRQ calls the driver for the other queue of the pair.',
    },
    ({ node }) => {
      const { injectQueue } = node;
      node.injectQueue = (idx) => injectQueue.call(node, idx ^ 1);
    },
  ),
  vduse(
    {
      id: 'vduse/kick-lost',
      breaks: ['P1.1-019f'],
      what: 'Every third kick is lost: the eventfd is not signalled.',
    },
    (device) => {
      const { kickVq } = device;
      let count = 0;
      device.kickVq = (idx) => {
        if (count++ % 3 !== 2) kickVq.call(device, idx);
      };
    },
  ),
];

/** What IOTLB_GET_FD2 gives out. */
const files: readonly Defect[] = [
  vduse(
    {
      id: 'vduse/file-for-reading-and-writing',
      breaks: ['VDPA-068'],
      what: 'The file of a mapping is open for writing whatever its permission says.',
    },
    ({ node }) => {
      const { getFd } = node;
      node.getFd = (area) => {
        const result = getFd.call(node, area);
        area.setUint8(ENTRY.PERM, 3);
        return result;
      };
    },
  ),
];

export const VDUSE_DEFECTS: readonly Defect[] = [
  ...lost,
  ...answers,
  ...daemons,
  ...positions,
  ...unheard,
  ...files,
];
