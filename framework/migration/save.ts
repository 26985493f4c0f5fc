import { F_RING_PACKED } from '../../specs/virtio-1.1/features.ts';
import type { BoundDevice } from '../bound-device.ts';
import { initialVqState, type VqState } from '../device.ts';
import type { ControlCommand } from './control-record.ts';
import { type DeviceState, MigrationError, type QueueRecord } from './state.ts';

/** Whether two positions are the same in a ring of the given format. */
export function samePosition(a: VqState, b: VqState, packed: boolean): boolean {
  if (!packed) return a.split.availIndex === b.split.availIndex;
  return (
    a.packed.lastAvailIdx === b.packed.lastAvailIdx &&
    a.packed.lastAvailCounter === b.packed.lastAvailCounter &&
    a.packed.lastUsedIdx === b.packed.lastUsedIdx &&
    a.packed.lastUsedCounter === b.packed.lastUsedCounter
  );
}

/**
 * Stop `source` and take down what another device needs to go on. It is suspended, or where it has no such op its
 * queues are made not ready one by one; each position is read twice, as it may not move any more. The source is left
 * stopped: whoever has the state resets it.
 *
 * @param control what the control queue has set up, by the record of its driver
 * @throws MigrationError `no-stop`, `no-position`, `unsteady`
 */
export function stopAndSave(
  source: BoundDevice,
  queues: readonly { readonly idx: number }[],
  control: () => readonly ControlCommand[],
): DeviceState {
  const { ops } = source;
  const features = ops.getDriverFeatures();
  const ready = new Map(queues.map(({ idx }) => [idx, ops.getVqReady(idx)]));
  const stopped = ops.suspend === undefined ? 'disable' : 'suspend';
  if (ops.suspend !== undefined) {
    const error = ops.suspend();
    if (error < 0) throw new MigrationError('no-stop', `suspend failed with ${error}`);
  } else {
    for (const { idx } of queues) {
      if (!ready.get(idx)) continue;
      ops.setVqReady(idx, false);
      if (ops.getVqReady(idx))
        throw new MigrationError('no-stop', `queue ${idx} stays ready; only a reset stops it`);
    }
  }
  const packed = (features & F_RING_PACKED) !== 0n;
  const records = queues.map(({ idx }): QueueRecord => {
    const state = positionOf(source, idx);
    if (!samePosition(positionOf(source, idx), state, packed))
      throw new MigrationError('unsteady', `queue ${idx} moves although it was stopped`);
    return { idx, ready: ready.get(idx)!, state };
  });
  const config = new Uint8Array(ops.getConfigSize());
  ops.getConfig(0, config);
  return {
    deviceId: ops.getDeviceId(),
    features,
    status: ops.getStatus(),
    config,
    queues: records,
    control: control(),
    stopped,
  };
}

function positionOf({ ops }: BoundDevice, idx: number): VqState {
  const state = initialVqState();
  const error = ops.getVqState(idx, state);
  if (error < 0) throw new MigrationError('no-position', `get_vq_state of queue ${idx} failed with ${error}`);
  return state;
}
