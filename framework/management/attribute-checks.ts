import { attributeMask, type VdpaAttributeName, type VdpaRelease } from '../../specs/vdpa/netlink.ts';
import { NET_F } from '../../specs/virtio-1.1/features.ts';
import { NL_ERRNO as E } from '../netlink/netlink-error.ts';
import { DEVICE_ATTRIBUTES, type DeviceAttributes, type ManagementDevice } from './management-device.ts';
import { ManagementError } from './management-error.ts';

/** Feature bits that belong to a device type: all but the transport range 28 to 41. */
const DEVICE_TYPE_BITS = 0xffff_fc00_0fff_ffffn;

const NET_DEVICE = 1;
const NET_ATTRIBUTES = attributeMask(['dev-net-cfg-macaddr', 'dev-net-cfg-mtu', 'dev-net-cfg-max-vqp']);

/** Attributes that were given, as a mask. */
function maskOf(attributes: DeviceAttributes): bigint {
  const names = Object.entries(DEVICE_ATTRIBUTES)
    .filter(([member]) => attributes[member as keyof DeviceAttributes] !== undefined)
    .map(([, name]): VdpaAttributeName => name);
  return attributeMask(names);
}

const hex = (value: bigint) => `0x${value.toString(16)}`;

/** (6.12) Features that are given must hold what the other attributes are about. @throws ManagementError EINVAL */
export function checkFeatures({ features, mac, mtu, maxVqPairs }: DeviceAttributes): void {
  if (features === undefined) return;
  let wanted = 0n;
  if (mac !== undefined) wanted |= NET_F.MAC;
  if (mtu !== undefined) wanted |= NET_F.MTU;
  if (maxVqPairs !== undefined && maxVqPairs > 1) wanted |= NET_F.MQ;
  const missing = wanted & ~features;
  if (missing !== 0n)
    throw new ManagementError(E.EINVAL, `Missing features ${hex(missing)} for provided attributes`);
}

/** The management device must accept every attribute. @throws ManagementError EOPNOTSUPP */
export function checkAgainst(by: ManagementDevice, attributes: DeviceAttributes, release: VdpaRelease): void {
  const unknown = maskOf(attributes) & ~attributeMask(by.accepts);
  if (unknown === 0n) return;
  const text =
    release === '6.1'
      ? 'All provided attributes are not supported'
      : `Some provided attributes are not supported: ${hex(unknown)}`;
  throw new ManagementError(E.EOPNOTSUPP, text);
}

/** (6.12) Attributes must fit the classes of the management device. @throws ManagementError EINVAL */
export function checkClasses({ classes }: ManagementDevice, attributes: DeviceAttributes): void {
  const net = classes.includes(NET_DEVICE);
  if (!net && (maskOf(attributes) & NET_ATTRIBUTES) !== 0n)
    throw new ManagementError(E.EINVAL, 'Network class attributes provided on unsupported management device');
  const { features } = attributes;
  const onlyFeatures = features !== undefined && maskOf(attributes) === maskOf({ features });
  if (onlyFeatures && net && classes.length > 1 && (features & DEVICE_TYPE_BITS) !== 0n)
    throw new ManagementError(
      E.EINVAL,
      'Management device supports multi-class while device features specified are ambiguous',
    );
}
