import { type DeclaredFacts, defineParent, type ParentOption } from '../../../framework/parent.ts';
import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import { offerOf } from '../feature-offer.ts';
import { CORE_ABILITIES, SimulatorInstance } from '../instance.ts';
import {
  CORE_OPTIONS,
  checkOptions,
  coreProfile,
  flagOption,
  integerOption,
  OptionError,
  type Options,
  profileCache,
  RING_FEATURES,
} from '../options.ts';
import { putLe16 } from './header.ts';
import { NET_DEVICE_ID, NET_S, type NetProfile } from './net-config.ts';
import { NetDevice } from './net-device.ts';
import { SIMULATOR_PEER_CAPS } from './peer.ts';

/** Feature bits of section 5.1.3 that the simulator offers; RSC_EXT and STANDBY come with options. */
export const NET_OFFER =
  RING_FEATURES |
  (Object.values(NET_F).reduce((sum, bit) => sum | bit, 0n) & ~(NET_F.RSC_EXT | NET_F.STANDBY));

/** Options of the simulated network device. */
export const NET_OPTIONS: readonly ParentOption[] = [
  ...CORE_OPTIONS,
  {
    name: 'mac',
    description: 'own address, six bytes in hex with or without colons',
    default: '52:54:00:12:34:56',
  },
  { name: 'mtu', description: 'value of the mtu field, 68 to 65535', default: '1500' },
  { name: 'max-pairs', description: 'value of max_virtqueue_pairs, 1 to 1024', default: '4' },
  { name: 'rsc-ext', description: 'offer RSC_EXT (yes or no)', default: 'no' },
  { name: 'standby', description: 'offer STANDBY (yes or no)', default: 'no' },
  {
    name: 'data-valid',
    description: 'check complete checksums and vouch for good ones (yes or no)',
    default: 'no',
  },
];

/** What the options of one target say, with what follows from them. */
export interface NetTarget {
  readonly profile: NetProfile;
  readonly facts: DeclaredFacts;
  readonly dataValid: boolean;
}

/** The target that `options` describe. Throws {@link OptionError} for options that describe none. */
export const netTarget = profileCache((options: Options): NetTarget => {
  checkOptions(options, NET_OPTIONS);
  const mac = macOption(options.mac ?? '52:54:00:12:34:56');
  const mtu = integerOption(options, 'mtu', 1500, 68, 0xffff);
  let all = NET_OFFER;
  if (flagOption(options, 'rsc-ext')) all |= NET_F.RSC_EXT;
  if (flagOption(options, 'standby')) all |= NET_F.STANDBY;
  const features = offerOf(all, 'net', options);
  const offers = (bit: bigint): boolean => (features & bit) !== 0n;
  const maxPairs = offers(NET_F.MQ) ? integerOption(options, 'max-pairs', 4, 1, 1024) : 1;
  const profile: NetProfile = {
    ...coreProfile(options),
    deviceType: 'net',
    deviceId: NET_DEVICE_ID,
    nvqs: 2 * maxPairs + (offers(NET_F.CTRL_VQ) ? 1 : 0),
    ngroups: offers(NET_F.CTRL_VQ) ? 2 : 1,
    nas: offers(NET_F.CTRL_VQ) ? 2 : 1,
    features,
    config: configBytes(mac, mtu, maxPairs).subarray(0, configSize(features)),
    maxPairs,
    mtu,
  };
  const facts = { mac: Buffer.from(mac).toString('hex'), mtu, maxVirtqueuePairs: maxPairs };
  return { profile, facts, dataValid: flagOption(options, 'data-valid') };
});

/** The configuration space of section 5.1.4, all fields. */
function configBytes(mac: Uint8Array, mtu: number, maxPairs: number): Uint8Array {
  const bytes = new Uint8Array(12);
  bytes.set(mac);
  putLe16(bytes, 6, NET_S.LINK_UP);
  putLe16(bytes, 8, maxPairs);
  putLe16(bytes, 10, mtu);
  return bytes;
}

/** Bytes up to the last field that exists. */
function configSize(features: bigint): number {
  if ((features & NET_F.MTU) !== 0n) return 12;
  if ((features & NET_F.MQ) !== 0n) return 10;
  return (features & NET_F.STATUS) !== 0n ? 8 : 6;
}

function macOption(text: string): Uint8Array {
  const hex = text.replaceAll(':', '');
  if (!/^[0-9a-fA-F]{12}$/.test(hex)) throw new OptionError(`mac=${text}: not six bytes in hex`);
  const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
  if ((bytes[0] & 1) !== 0 || bytes.every((byte) => byte === 0))
    throw new OptionError(`mac=${text}: not the address of a station`);
  return bytes;
}

/** The simulated network device as a parent. */
export const simulatorNet = defineParent({
  name: 'simulator-net',
  deviceType: 'net',
  description: 'Software network device: every feature of section 5.1, with a packet peer',
  options: NET_OPTIONS,
  peer: SIMULATOR_PEER_CAPS,
  create({ port, options }) {
    const { profile, facts, dataValid } = netTarget(options);
    const device = new NetDevice(profile, port);
    device.rx.offload.dataValid = dataValid;
    return new SimulatorInstance(device, CORE_ABILITIES, facts, device.peer);
  },
});
