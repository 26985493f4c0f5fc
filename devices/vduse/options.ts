import type { ParentOption } from '../../framework/parent.ts';
import { bitMask, F_NOTIFICATION_DATA } from '../../specs/virtio-1.1/features.ts';
import { BLK_OPTIONS, type BlkProfile, blkProfile } from '../simulator/blk/profile.ts';
import { NET_OPTIONS, type NetTarget, netTarget } from '../simulator/net/parent.ts';
import { flagOption, integerOption, OptionError, type Options, profileCache } from '../simulator/options.ts';

/**
 * What a daemon does with a message in place of what it should: it ends, never answers, answers under the id of another
 * request, carries it out and says that it failed, or says that it carried it out and did not.
 */
const WRONG_WAYS = ['dies', 'stalls', 'lies', 'refuses', 'ignores'] as const;
export type WrongWay = (typeof WRONG_WAYS)[number];

/** Right, but not usual: it gives the turn away before it answers; it asks for new mappings before it answers. */
const RIGHT_WAYS = ['hesitates', 'eager'] as const;

/** How a daemon differs from the usual one. */
export interface DaemonWays {
  /** It dies with this message from the kernel. */
  readonly diesAfter?: number;
  /** What it does with the status that has DRIVER_OK. */
  readonly driverOk?: WrongWay;
  /** What it does with UPDATE_IOTLB while it runs. */
  readonly update?: WrongWay;
  readonly right?: (typeof RIGHT_WAYS)[number];
}

const WAYS = [
  'dies-after:N (messages)',
  ...['', 'update-'].map((on) => WRONG_WAYS.map((way) => on + way).join(', ')),
  ...RIGHT_WAYS,
].join(', ');

export const DAEMON_OPTIONS: readonly ParentOption[] = [
  {
    name: 'daemon',
    description: `a daemon that is wrong, with DRIVER_OK or with UPDATE_IOTLB while it runs, or (the last two) right and unusual: ${WAYS}`,
  },
  { name: 'msg-timeout', description: 'milliseconds until an answer is late', default: '30000' },
];
const MINE = DAEMON_OPTIONS.map(({ name }) => name);
/** What only the simulator's own control side has. */
const NOT_HERE = ['dma', 'va', 'irqs', 'ring-group', 'variant'];

export const VDUSE_BLK_OPTIONS: readonly ParentOption[] = [
  ...DAEMON_OPTIONS,
  ...BLK_OPTIONS.filter(({ name }) => !NOT_HERE.includes(name)),
];

const CONTROL_QUEUE = 'control-queue';
export const VDUSE_NET_OPTIONS: readonly ParentOption[] = [
  ...DAEMON_OPTIONS,
  {
    name: CONTROL_QUEUE,
    description: 'a kernel that lets daemons have a control queue, which Linux does not (yes or no)',
    default: 'no',
  },
  ...NET_OPTIONS.filter(({ name }) => !NOT_HERE.includes(name)),
];

/** What VDUSE has no means for: a block device with a cache mode to set, and data in notifications. */
const WITHOUT = bitMask(['VIRTIO_BLK_F_CONFIG_WCE']) | F_NOTIFICATION_DATA;

/**
 * How the daemon is to behave.
 * @throws OptionError for a way that does not exist
 */
export function daemonWays({ daemon }: Options): DaemonWays {
  if (daemon === undefined) return {};
  const right = RIGHT_WAYS.find((way) => way === daemon);
  if (right !== undefined) return { right };
  const driverOk = WRONG_WAYS.find((way) => way === daemon);
  if (driverOk !== undefined) return { driverOk };
  const update = WRONG_WAYS.find((way) => `update-${way}` === daemon);
  if (update !== undefined) return { update };
  const count = /^dies-after:(\d{1,6})$/.exec(daemon);
  if (count !== null) return { diesAfter: Number(count[1]) };
  throw new OptionError(`daemon=${daemon}: there are ${WAYS}`);
}

/** Milliseconds that an answer may take. */
export const messageTimeout = (options: Options) => integerOption(options, 'msg-timeout', 30_000, 1, 600_000);

/**
 * The block device that `options` describe.
 * @throws OptionError for an option that there is not
 */
export const vduseBlkProfile = profileCache((options: Options): BlkProfile => {
  const profile = blkProfile(ofTheDevice(options));
  return { ...profile, features: profile.features & ~WITHOUT };
});

/**
 * The network device that `options` describe.
 * @throws OptionError for an option that there is not
 */
export const vduseNetTarget = profileCache((options: Options): NetTarget => {
  const inner = ofTheDevice(options);
  const without = ['NOTIFICATION_DATA', ...(hasControlQueue(options) ? [] : ['CTRL_VQ'])];
  if (inner.without !== undefined) without.push(inner.without);
  return netTarget({ ...inner, without: without.join('+') });
});

/** Whether the kernel lets a network device have a control queue. */
export const hasControlQueue = (options: Options): boolean => flagOption(options, CONTROL_QUEUE);

/** The options that say what kind of device the daemon has. */
function ofTheDevice(options: Options): Record<string, string> {
  const inner: Record<string, string> = {};
  for (const [name, value] of Object.entries(options)) {
    if (NOT_HERE.includes(name)) throw new OptionError(`unknown option "${name}"`);
    if (!MINE.includes(name) && name !== CONTROL_QUEUE) inner[name] = value;
  }
  return inner;
}
