import { findProgram } from '../../framework/native/child.ts';
import { MemfdMemory } from '../../framework/native/memfd-memory.ts';
import {
  type Ability,
  defineParent,
  type ParentDefinition,
  type ParentEnvironment,
  type ParentInstance,
  type ParentOption,
} from '../../framework/parent.ts';
import { configFields } from '../../specs/virtio-1.1/config-space.ts';
import { deviceId } from '../../specs/virtio-1.1/device-ids.ts';
import { bitMask, F_VERSION_1, unmetDependencies } from '../../specs/virtio-1.1/features.ts';
import { LoopbackPeer } from '../vhost-vdpa/loopback-peer.ts';
import { WirePeer } from '../vhost-vdpa/wire-peer.ts';
import { BackEnd } from './back-end.ts';
import { DAEMONS, type DaemonKind } from './daemons.ts';
import { type FrontEndPlan, VhostUserDevice } from './device.ts';
import { connectTo, DaemonMemory } from './memory.ts';
import type { StartedDaemon } from './started-daemon.ts';

type Options = Readonly<Record<string, string>>;
type VhostUserType = 'net' | 'blk';

/** Feature bits that belong to every device type, as those of the rings and transports do. */
const COMMON = ((1n << 38n) - (1n << 28n)) & ~(1n << 30n);

/** Features of a network device that a front end serves itself: the control queue, and what stands in configuration. */
const FRONT_END_NET =
  bitMask([
    'VIRTIO_NET_F_CTRL_VQ',
    'VIRTIO_NET_F_CTRL_RX',
    'VIRTIO_NET_F_CTRL_VLAN',
    'VIRTIO_NET_F_CTRL_MAC_ADDR',
    'VIRTIO_NET_F_CTRL_GUEST_OFFLOADS',
    'VIRTIO_NET_F_GUEST_ANNOUNCE',
    'VIRTIO_NET_F_MQ',
    'VIRTIO_NET_F_MAC',
    'VIRTIO_NET_F_MTU',
    'VIRTIO_NET_F_STATUS',
  ]) |
  (1n << 20n);

/** Configuration of a network device: the MAC address, which means nothing without the feature MAC (5.1.4). */
const MAC = new Uint8Array(6);

/** Options of the parent. */
export const VHOST_USER_OPTIONS: readonly ParentOption[] = [
  { name: 'socket', description: 'path of the socket that the back end listens on (or as the first word)' },
  { name: 'type', description: 'net or blk', default: 'found out by what the back end offers' },
  { name: 'queues', description: 'virtqueues to use', default: 'as many as the back end tells' },
  {
    name: 'offer',
    description: 'raw: also features whose dependencies are not offered',
    default: 'without them',
  },
  {
    name: 'start',
    description: `have the suite start, watch and end the back end: ${Object.keys(DAEMONS).join(' or ')}`,
  },
  { name: 'capacity', description: 'blk, with start: sectors of 512 bytes', default: '32768' },
  {
    name: 'wire',
    description:
      'net: interface of this host on the other side of the back end; with start: yes, to have one made (needs root)',
  },
  { name: 'loopback', description: 'net: yes when the back end sends every frame back', default: 'no' },
  { name: 'queue-size', description: 'largest queue size; the protocol cannot tell it', default: '256' },
];

/** What the options say is not possible; `hint` says what is. */
export class VhostUserOptionError extends Error {
  readonly code = 'BAD_OPTION';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** What stands first in the target and is no option: `vhost-user:/path/to.sock`. */
const firstWord = (options: Options): string | undefined => {
  const [name] = Object.keys(options);
  return name !== undefined && options[name] === '' ? name : undefined;
};

function socketOf(options: Options): string {
  const socket = options.socket ?? firstWord(options);
  if (socket === undefined || socket === '')
    throw new VhostUserOptionError(
      'vhost-user needs a socket',
      'vhost-user:/path/to.sock,type=blk, or vhost-user:socket=/path/to.sock',
    );
  return socket;
}

/** The back end that the options have started; undefined: somebody else starts one. */
function daemonKind({ start }: Options): DaemonKind | undefined {
  if (start === undefined) return undefined;
  const kind = DAEMONS[start];
  const known = Object.keys(DAEMONS).join(', ');
  if (kind === undefined)
    throw new VhostUserOptionError(
      `start=${start} is no back end that can be started`,
      `back ends: ${known}`,
    );
  if (findProgram(kind.program) === undefined)
    throw new VhostUserOptionError(
      `there is no program ${kind.program}`,
      `install it (Debian: apt-get install ${kind.package}), or name the socket of a back end that runs`,
    );
  return kind;
}

function typeOption({ type }: Options): VhostUserType | undefined {
  if (type === undefined || type === 'net' || type === 'blk') return type;
  throw new VhostUserOptionError(`type=${type} is neither net nor blk`, 'leave it out to have it found out');
}

function count(options: Options, name: string, most: number): number | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new VhostUserOptionError(`${name}=${text} is not a number from 1 to ${most}`, `${name}=${most}`);
  return value;
}

/**
 * The device type by what a back end offers: one that serves configuration is a block device, unless it offers
 * what only network devices have (merged receive buffers, bit 15, which no block device uses).
 */
function detect(backEnd: BackEnd): VhostUserType {
  const net = (backEnd.features & bitMask(['VIRTIO_NET_F_MRG_RXBUF'])) !== 0n;
  return backEnd.has('CONFIG') && !net ? 'blk' : 'net';
}

/** Bytes of the configuration space: up to the end of the last field that an offered feature calls for. */
function configSize(backEnd: BackEnd): number {
  const fields = configFields('blk');
  const size = Math.max(...fields.map(({ offset, width }) => offset + width));
  for (const tried of [size, 60, 36, 8]) if (backEnd.config(0, tried) !== null) return tried;
  return 0;
}

/** Several request queues of a block device: newer than 1.1 (virtio 1.2, section 5.2.3). */
const BLK_F_MQ = 1n << 12n;

/** blk: the field num_queues, where BLK_F_MQ is offered. */
function blkQueues(backEnd: BackEnd): number {
  const mq = (backEnd.features & BLK_F_MQ) !== 0n;
  const bytes = mq ? backEnd.config(0, 36) : null;
  const told = bytes ? bytes[34] | (bytes[35] << 8) : 1;
  return Math.max(1, Math.min(told, backEnd.queueNum));
}

/**
 * What the driver is offered. A front end puts the offer together, so what depends on something that is missing is
 * left out, unless the offer of the back end is asked for as it is.
 */
function offer(features: bigint, type: VhostUserType, options: Options): bigint {
  if (options.offer === 'raw') return features;
  let offered = features;
  for (let gone = -1n; gone !== 0n; offered &= ~gone)
    gone = bitMask(unmetDependencies(offered, type).map(({ feature }) => feature));
  return offered;
}

function plan(backEnd: BackEnd, type: VhostUserType, options: Options): FrontEndPlan {
  const blk = type === 'blk';
  const own = (1n << 24n) - 1n;
  const shown = own | COMMON | F_VERSION_1;
  return {
    deviceId: deviceId(type),
    nvqs: count(options, 'queues', 64) ?? (blk ? blkQueues(backEnd) : 2),
    features: offer(backEnd.features & shown & ~(blk ? 0n : FRONT_END_NET), type, options),
    numMax: count(options, 'queue-size', 32768) ?? 256,
    deviceType: type,
    configSize: blk ? configSize(backEnd) : MAC.length,
    ownConfig: blk ? null : MAC,
    writable: configFields(type).filter((field) => field.driverWrites),
  };
}

function create(environment: ParentEnvironment, type: VhostUserType): ParentInstance {
  const { options, memory } = environment;
  const daemon = memory instanceof DaemonMemory ? memory.daemon() : null;
  const connect = () => (daemon ? connectTo(daemon) : new BackEnd(socketOf(options)));
  const backEnd = connect();
  let wire: WirePeer | null = null;
  try {
    const device = new VhostUserDevice(backEnd, connect, plan(backEnd, type, options), memory as MemfdMemory);
    const abilities: Ability[] = ['vq-state', 'emulates-features'];
    if (!backEnd.has('STATUS')) abilities.push('emulates-status');
    if (type === 'net') abilities.push('emulates-config');
    wire = wireOf(options, type, daemon);
    return {
      device,
      abilities,
      ...(sendsBack(options, type) ? { peer: new LoopbackPeer() } : {}),
      wait: (ms) => device.wait(ms),
      ...(wire === null ? {} : { peer: wire }),
      busy: () => device.busy() || (wire?.busy() ?? false),
      dispose: () => {
        device.free();
        wire?.dispose();
        // One that is stuck with what this session left behind shows it here, not in the next one.
        if (daemon) connectTo(daemon).dispose();
      },
    };
  } catch (error) {
    wire?.dispose();
    backEnd.dispose();
    throw error;
  }
}

/** The far side of a network device: the interface that the options name, or that its daemon has made. */
function wireOf({ wire }: Options, type: VhostUserType, daemon: StartedDaemon | null): WirePeer | null {
  const name = daemon ? daemon.wire : wire;
  return type === 'net' && name ? new WirePeer(name) : null;
}

/** Whether the back end is known to send every frame back. */
function sendsBack(options: Options, type: VhostUserType): boolean {
  const back = daemonKind(options)?.loopback === true && options.wire === undefined;
  const { loopback = back ? 'yes' : 'no' } = options;
  if (loopback !== 'yes' && loopback !== 'no')
    throw new VhostUserOptionError(`loopback=${loopback} is not known`, 'loopback is yes or no');
  return type === 'net' && loopback === 'yes';
}

/** The definition for a back end that the suite starts: each worker has one of its own. */
function started(kind: DaemonKind, options: Options): ParentDefinition {
  count(options, 'queues', 64);
  count(options, 'queue-size', 32768);
  const capacity = count(options, 'capacity', 1 << 24) ?? 32768;
  if (options.wire !== undefined && (options.wire !== 'yes' || kind.type !== 'net'))
    throw new VhostUserOptionError(
      `wire=${options.wire} does not go with start=${options.start}`,
      'wire=yes has an interface made beside a network back end that the suite starts',
    );
  return {
    ...vhostUser,
    exclusive: false,
    deviceType: kind.type,
    ...(sendsBack(options, kind.type) ? { peer: new LoopbackPeer().caps } : {}),
    description: `${kind.program} behind vhost-user, started by the suite`,
    memory: (size) => new DaemonMemory(size, kind, { capacity, wired: options.wire === 'yes' }),
    create: (environment) => create(environment, kind.type),
  };
}

/** The front end of vhost-user: a parent over any back end that listens on a socket. */
export const vhostUser: ParentDefinition = defineParent({
  name: 'vhost-user',
  deviceType: 'blk',
  description: 'a vhost-user back end, by its socket',
  options: VHOST_USER_OPTIONS,
  external: true,
  exclusive: true,
  memory: (size) => new MemfdMemory(size),
  specialise(options) {
    const kind = daemonKind(options);
    if (kind !== undefined) return started(kind, options);
    const socket = socketOf(options);
    count(options, 'queues', 64);
    count(options, 'queue-size', 32768);
    let type = typeOption(options);
    if (type === undefined) {
      const backEnd = new BackEnd(socket);
      type = detect(backEnd);
      backEnd.dispose();
    }
    const deviceType = type;
    const word = firstWord(options);
    return {
      ...vhostUser,
      options: [...VHOST_USER_OPTIONS, ...(word ? [{ name: word, description: 'the socket' }] : [])],
      deviceType,
      description: `a vhost-user ${deviceType} back end at ${socket}`,
      create: (environment) => create(environment, deviceType),
    };
  },
  create: () => {
    throw new VhostUserOptionError('vhost-user needs a socket', 'vhost-user:/path/to.sock,type=blk');
  },
});
