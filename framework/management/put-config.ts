import { attributeId, type VdpaAttributeName, type VdpaRelease } from '../../specs/vdpa/netlink.ts';
import { BLK_F, NET_F } from '../../specs/virtio-1.1/features.ts';
import type { VdpaDevice } from '../device.ts';
import type { AttributeWriter } from '../netlink/attribute.ts';

/** Feature bits beyond virtio 1.1 that decide what is told. */
const NET_F_RSS = 1n << 60n;
const BLK_F_MQ = 1n << 12n;

/** `struct virtio_net_config` and `struct virtio_blk_config` as far as they are read, in bytes. */
const NET_CONFIG_SIZE = 12;
const BLK_CONFIG_SIZE = 60;

/** Puts attributes by name. */
class Named {
  readonly #writer: AttributeWriter;
  constructor(writer: AttributeWriter) {
    this.#writer = writer;
  }
  u8(name: VdpaAttributeName, value: number): void {
    this.#writer.u8(attributeId(name), value);
  }
  u16(name: VdpaAttributeName, value: number): void {
    this.#writer.u16(attributeId(name), value);
  }
  u32(name: VdpaAttributeName, value: number): void {
    this.#writer.u32(attributeId(name), value);
  }
  u64(name: VdpaAttributeName, value: bigint): void {
    this.#writer.u64(attributeId(name), value);
  }
  mac(name: VdpaAttributeName, bytes: Uint8Array): void {
    this.#writer.put(attributeId(name), bytes);
  }
}

/** The whole configuration structure of a device, zero where the device has nothing. */
function configOf({ ops }: VdpaDevice, size: number): DataView {
  const bytes = new Uint8Array(size);
  ops.getConfig(0, bytes);
  return new DataView(bytes.buffer);
}

/** Device type specific part of a configuration reply: what `vdpa_dev_net_config_fill` puts, in its order. */
export function putNetConfig(writer: AttributeWriter, device: VdpaDevice, release: VdpaRelease): void {
  const view = configOf(device, NET_CONFIG_SIZE);
  const features = device.ops.getDeviceFeatures();
  const put = new Named(writer);
  const status = () => put.u16('dev-net-status', view.getUint16(6, true));
  if (release === '6.1') {
    status();
    put.u64('vdpa-dev-supported-features', features);
  } else put.u64('dev-features', features);
  if ((features & NET_F.MTU) !== 0n) put.u16('dev-net-cfg-mtu', view.getUint16(10, true));
  if ((features & NET_F.MAC) !== 0n) put.mac('dev-net-cfg-macaddr', new Uint8Array(view.buffer, 0, 6));
  if (release !== '6.1' && (features & NET_F.STATUS) !== 0n) status();
  putQueuePairs(writer, device, features);
}

/** The number of queue pairs, where `features` hold one that gives it a meaning. */
export function putQueuePairs(writer: AttributeWriter, device: VdpaDevice, features: bigint): void {
  if ((features & (NET_F.MQ | NET_F_RSS)) === 0n) return;
  const pairs = configOf(device, NET_CONFIG_SIZE).getUint16(8, true);
  writer.u16(attributeId('dev-net-cfg-max-vqp'), pairs);
}

/** The same of a block device, since 6.12; offsets are those of section 5.2.4 and of `num_queues` in 1.2. */
export function putBlkConfig(writer: AttributeWriter, device: VdpaDevice): void {
  const view = configOf(device, BLK_CONFIG_SIZE);
  const features = device.ops.getDeviceFeatures();
  const offers = (bit: bigint) => (features & bit) !== 0n;
  const u16 = (at: number) => view.getUint16(at, true);
  const u32 = (at: number) => view.getUint32(at, true);
  const put = new Named(writer);
  put.u64('dev-features', features);
  put.u64('dev-blk-cfg-capacity', view.getBigUint64(0, true));
  if (offers(BLK_F.SIZE_MAX)) put.u32('dev-blk-cfg-size-max', u32(8));
  if (offers(BLK_F.BLK_SIZE)) put.u32('dev-blk-cfg-blk-size', u32(20));
  if (offers(BLK_F.SEG_MAX)) put.u32('dev-blk-cfg-seg-max', u32(12));
  if (offers(BLK_F_MQ)) put.u16('dev-blk-cfg-num-queues', u16(34));
  if (offers(BLK_F.TOPOLOGY)) {
    put.u8('dev-blk-cfg-phy-blk-exp', view.getUint8(24));
    put.u8('dev-blk-cfg-align-offset', view.getUint8(25));
    put.u16('dev-blk-cfg-min-io-size', u16(26));
    put.u32('dev-blk-cfg-opt-io-size', u32(28));
  }
  if (offers(BLK_F.DISCARD)) {
    put.u32('dev-blk-cfg-max-discard-sec', u32(36));
    put.u32('dev-blk-cfg-max-discard-seg', u32(40));
    put.u32('dev-blk-cfg-discard-sec-align', u32(44));
  }
  if (offers(BLK_F.WRITE_ZEROES)) {
    put.u32('dev-blk-cfg-max-write-zeroes-sec', u32(48));
    put.u32('dev-blk-cfg-max-write-zeroes-seg', u32(52));
  }
  put.u8('dev-blk-read-only', offers(BLK_F.RO) ? 1 : 0);
  put.u8('dev-blk-flush', offers(BLK_F.FLUSH) ? 1 : 0);
}
