import { type DeviceBuffer, writableBytes } from '../../../../framework/virtqueue/device/ring.ts';
import type { Lane } from '../../../simulator/net/rx-routing.ts';

/** Take `count` buffers off those held. */
export function takeHeld(lane: Lane, count: number): DeviceBuffer[] {
  const used = lane.held.splice(0, count);
  for (const buffer of used) lane.room -= writableBytes(buffer);
  return used;
}
