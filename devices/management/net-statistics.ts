import { ERRNO, type VdpaConfigOps } from '../../framework/device.ts';
import { readableBytes } from '../../framework/virtqueue/device/ring.ts';
import { ACK } from '../simulator/net/control.ts';
import type { NetDevice } from '../simulator/net/net-device.ts';

type Counts = Record<string, number>;

/**
 * Let a network device count what `vdpasim_net` counts, by queue: receive, transmit, control. Bytes include
 * the packet header.
 */
export function countStatistics(device: NetDevice): void {
  const rx = { 'rx packets': 0, 'rx bytes': 0, 'rx errors': 0, 'rx overruns': 0, 'rx drops': 0 };
  const tx = { 'tx packets': 0, 'tx bytes': 0, 'tx errors': 0, 'tx drops': 0 };
  const cvq = { 'cvq requests': 0, 'cvq successes': 0, 'cvq errors': 0 };
  const counts: Counts[] = [rx, tx, cvq];

  const { process } = device.tx;
  device.tx.process = (queue, buffer) => {
    tx['tx packets']++;
    tx['tx bytes'] += readableBytes(buffer);
    return process.call(device.tx, queue, buffer);
  };
  const { deliver } = device.rx;
  device.rx.deliver = (queue, lane, delivery, need) => {
    rx['rx packets']++;
    rx['rx bytes'] += need;
    deliver.call(device.rx, queue, lane, delivery, need);
  };
  const { execute } = device.control;
  device.control.execute = (bytes, length) => {
    const ack = execute.call(device.control, bytes, length);
    cvq['cvq requests']++;
    cvq[ack === ACK.OK ? 'cvq successes' : 'cvq errors']++;
    return ack;
  };
  const ops: VdpaConfigOps = device;
  ops.getVendorVqStats = (idx) => (counts[idx] === undefined ? -ERRNO.EINVAL : { ...counts[idx] });
}

/** Let a device keep no statistics, as before they came. */
export function withoutStatistics(device: NetDevice): void {
  const ops: VdpaConfigOps = device;
  ops.getVendorVqStats = undefined;
}
