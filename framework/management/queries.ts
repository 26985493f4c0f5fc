import { attributeId, MAX_QUEUE_INDEX, type VdpaRelease } from '../../specs/vdpa/netlink.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { VdpaDevice } from '../device.ts';
import { AttributeWriter } from '../netlink/attribute.ts';
import { NL_ERRNO as E } from '../netlink/netlink-error.ts';
import type { ManagedDevice } from './management.ts';
import type { ManagementDevice } from './management-device.ts';
import { ManagementError } from './management-error.ts';
import { putBlkConfig, putNetConfig, putQueuePairs } from './put-config.ts';

/** Virtio device ids whose configuration can be asked for. */
const NET = 1;
const BLOCK = 2;

/** What is told of a management device, as attributes in the kernel's order. */
export function describeManagementDevice(device: ManagementDevice): AttributeWriter {
  const classes = device.classes.filter((id) => id <= 63).reduce((mask, id) => mask | (1n << BigInt(id)), 0n);
  return putHandle(new AttributeWriter(), device)
    .u64(attributeId('mgmtdev-supported-classes'), classes)
    .u32(attributeId('dev-mgmtdev-max-vqs'), device.maxVqs)
    .u64(attributeId('dev-supported-features'), device.features);
}

function putHandle(writer: AttributeWriter, { bus, name }: ManagementDevice): AttributeWriter {
  if (bus !== undefined) writer.string(attributeId('mgmtdev-bus-name'), bus);
  return writer.string(attributeId('mgmtdev-dev-name'), name);
}

/** What is told of a device. */
export function describeDevice({ device, by }: ManagedDevice): AttributeWriter {
  const { ops } = device;
  return putHandle(new AttributeWriter(), by)
    .string(attributeId('dev-name'), device.name)
    .u32(attributeId('dev-id'), ops.getDeviceId())
    .u32(attributeId('dev-vendor-id'), ops.getVendorId())
    .u32(attributeId('dev-max-vqs'), device.nvqs)
    .u16(attributeId('dev-max-vq-size'), ops.getVqNumMax())
    .u16(attributeId('dev-min-vq-size'), ops.getVqNumMin?.() ?? 1);
}

/** Features in force, or null before FEATURES_OK. */
function negotiated({ ops }: VdpaDevice): bigint | null {
  return (ops.getStatus() & STATUS.FEATURES_OK) !== 0 ? ops.getDriverFeatures() : null;
}

/** The configuration of a device. @throws ManagementError EOPNOTSUPP for a class that cannot be told */
export function describeConfig({ device }: ManagedDevice, release: VdpaRelease): AttributeWriter {
  const id = device.ops.getDeviceId();
  const writer = new AttributeWriter()
    .string(attributeId('dev-name'), device.name)
    .u32(attributeId('dev-id'), id);
  const features = negotiated(device);
  if (features !== null) writer.u64(attributeId('dev-negotiated-features'), features);
  if (id === NET) putNetConfig(writer, device, release);
  else if (id === BLOCK && release !== '6.1') putBlkConfig(writer, device);
  else throw new ManagementError(E.EOPNOTSUPP);
  return writer;
}

/**
 * Statistics that the vendor keeps of queue `index`. @throws ManagementError EOPNOTSUPP, ERANGE, EAGAIN
 * before features are negotiated, or what the parent answered
 */
export function describeStatistics({ device }: ManagedDevice, index: number): AttributeWriter {
  const { ops } = device;
  const writer = new AttributeWriter()
    .string(attributeId('dev-name'), device.name)
    .u32(attributeId('dev-id'), ops.getDeviceId());
  if (ops.getDeviceId() !== NET) throw new ManagementError(E.EOPNOTSUPP);
  if (index > MAX_QUEUE_INDEX) throw new ManagementError(E.ERANGE, 'queue index excceeds max value');
  if (ops.getVendorVqStats === undefined) throw new ManagementError(E.EOPNOTSUPP);
  const features = negotiated(device);
  if (features === null) throw new ManagementError(E.EAGAIN, 'feature negotiation not complete');
  writer.u64(attributeId('dev-negotiated-features'), features);
  putQueuePairs(writer, device, features);
  writer.u32(attributeId('dev-queue-index'), index);
  const counts = ops.getVendorVqStats(index);
  if (typeof counts === 'number') throw new ManagementError(-counts);
  for (const [name, count] of Object.entries(counts)) {
    writer.string(attributeId('dev-vendor-attr-name'), name);
    writer.u64(attributeId('dev-vendor-attr-value'), BigInt(count));
  }
  return writer;
}
