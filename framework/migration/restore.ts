import { F_NOTIFICATION_DATA } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { BoundDevice } from '../bound-device.ts';
import type { Iova } from '../device.ts';
import type { ControlQueue } from './control-replay.ts';
import { replayCommands } from './control-replay.ts';
import { type DeviceState, type MigratingQueue, MigrationError } from './state.ts';

/** A byte of the configuration space that the guest sees change. */
export interface ConfigDifference {
  readonly offset: number;
  readonly was: number;
  readonly is: number;
}

export interface RestoreOptions {
  /** The control queue and private memory for its commands; needed when there are commands to replay. */
  readonly control?: ControlQueue;
  /** The configuration callback of the driver. */
  readonly onConfigChange: (() => void) | null;
  /** Called right before DRIVER_OK is set: from here on the destination may touch guest memory. */
  readonly starting?: () => void;
}

/**
 * Why `target` cannot go on for a device that has `features` in force, with these queues and mappings; empty when it
 * can. Asked before the source is stopped.
 */
export function obstacles(
  target: BoundDevice,
  deviceId: number,
  features: bigint,
  queues: readonly { readonly idx: number; readonly num: number }[],
  mappings: readonly { readonly iova: Iova; readonly size: number }[],
): string[] {
  const { ops } = target;
  const found: string[] = [];
  if (ops.getDeviceId() !== deviceId) found.push(`it is a device of type ${ops.getDeviceId()}`);
  const missing = features & ~ops.getDeviceFeatures();
  if (missing !== 0n) found.push(`it does not offer the features 0x${missing.toString(16)}`);
  for (const { idx, num } of queues) {
    if (idx >= target.vdpa.nvqs) found.push(`it has no queue ${idx}`);
    else if (num > target.maxSize(idx))
      found.push(`its queue ${idx} has at most ${target.maxSize(idx)} descriptors, not ${num}`);
  }
  const range = ops.getIovaRange?.();
  if (range !== undefined) {
    const outside = mappings.find(({ iova, size }) => iova < range.first || iova + size - 1 > range.last);
    if (outside !== undefined) found.push(`it cannot reach iova 0x${outside.iova.toString(16)}`);
  }
  return found;
}

/**
 * Let `target`, whose mappings are in place, go on where the device of `state` was stopped: features, queues at their
 * positions, what the driver wrote into the configuration, DRIVER_OK, the commands of the control queue on a private ring, then the queues of the guest. Each queue
 * is kicked once, because a kick may have been on its way to the source. Returns what is different in the
 * configuration.
 *
 * @throws MigrationError with any code that ends in `-refused`
 */
export function restore(
  target: BoundDevice,
  state: DeviceState,
  queues: readonly MigratingQueue[],
  options: RestoreOptions,
): ConfigDifference[] {
  const { ops } = target;
  target.reset();
  target.addStatus(STATUS.ACKNOWLEDGE);
  target.addStatus(STATUS.DRIVER);
  if (!target.negotiate(state.features))
    throw new MigrationError('features-refused', `features 0x${state.features.toString(16)} were refused`);
  carryConfig(target, state.config);
  const running = (state.status & STATUS.DRIVER_OK) !== 0;
  const replays = running && state.control.length > 0 && options.control !== undefined;
  target.onConfigChange(options.onConfigChange);
  const control = replays ? options.control!.idx : -1;
  setUpQueues(
    target,
    state,
    queues.filter(({ idx }) => idx !== control),
  );
  // With commands to replay the queues wait until they are acknowledged, as nothing may be filtered wrongly.
  if (!replays) enableQueues(target, state);
  options.starting?.();
  if (running) {
    if (replays) options.control!.prepare(target);
    target.addStatus(STATUS.DRIVER_OK);
    if ((ops.getStatus() & STATUS.DRIVER_OK) === 0)
      throw new MigrationError('start-refused', 'DRIVER_OK did not become visible');
    if (replays) {
      replayCommands(options.control!, state.control);
      options.control!.giveBack(target);
      handOver(target, () =>
        setUpQueues(
          target,
          state,
          queues.filter(({ idx }) => idx === control),
        ),
      );
      enableQueues(target, state);
    }
    for (const queue of queues) if (readyIn(state, queue.idx)) kick(target, queue, state.features);
  }
  return differences(state.config, configOf(target, state.config.length));
}

const readyIn = ({ queues }: DeviceState, idx: number) => queues.some((one) => one.idx === idx && one.ready);

/** Set queues up where they were stopped, without making them ready. */
function setUpQueues(target: BoundDevice, state: DeviceState, queues: readonly MigratingQueue[]): void {
  for (const { idx, setup } of queues) {
    const record = state.queues.find((one) => one.idx === idx)!;
    const error = target.setupQueue(idx, { ...setup, state: record.state, ready: false });
    if (error < 0) throw new MigrationError('position-refused', `queue ${idx} was refused with ${error}`);
  }
}

function enableQueues({ ops }: BoundDevice, { queues }: DeviceState): void {
  for (const { idx, ready } of queues) {
    if (!ready) continue;
    ops.setVqReady(idx, true);
    if (!ops.getVqReady(idx)) throw new MigrationError('queue-refused', `queue ${idx} did not become ready`);
  }
}

/** Change places and positions of queues after DRIVER_OK: vhost-vdpa allows that only while the device is suspended. */
function handOver({ ops }: BoundDevice, change: () => void): void {
  if (ops.suspend === undefined || ops.resume === undefined) {
    change();
    return;
  }
  const suspended = ops.suspend();
  change();
  const resumed = ops.resume();
  if (suspended < 0 || resumed < 0)
    throw new MigrationError('start-refused', `suspend gave ${suspended}, resume ${resumed}`);
}

function kick({ ops }: BoundDevice, { idx, notificationData }: MigratingQueue, features: bigint): void {
  if ((features & F_NOTIFICATION_DATA) === 0n || ops.kickVqWithData === undefined) ops.kickVq(idx);
  else ops.kickVqWithData((notificationData() | idx) >>> 0);
}

function configOf({ ops }: BoundDevice, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  ops.getConfig(0, bytes);
  return bytes;
}

/** Write back what the driver may have written; fields that it may not write ignore it. */
function carryConfig(target: BoundDevice, was: Uint8Array): void {
  for (const { offset } of differences(was, configOf(target, was.length)))
    target.ops.setConfig(offset, was.subarray(offset, offset + 1));
}

function differences(was: Uint8Array, is: Uint8Array): ConfigDifference[] {
  const found: ConfigDifference[] = [];
  for (let offset = 0; offset < was.length; offset++)
    if (is[offset] !== was[offset]) found.push({ offset, was: was[offset], is: is[offset] });
  return found;
}
