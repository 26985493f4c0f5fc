import type { PackedDeviceRing } from '../../../framework/virtqueue/device/packed.ts';
import type { TakenBuffer } from '../../../framework/virtqueue/device/taken-buffer.ts';
import { DESC_F } from '../../../specs/virtio-1.1/ring-layout.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';
import type { SimQueue } from '../../simulator/queue.ts';
import { type Defect, type DefectFacts, onPackedRing, simulated } from '../defect.ts';

export const { AVAIL, USED, WRITE, INDIRECT, NEXT } = DESC_F;

export const BYTE = new Uint8Array(1);

type Change = (ring: PackedDeviceRing, queue: SimQueue, device: SimulatorDevice) => void;

/** A defect in the packed ring; the origin is the inverted text unless it says otherwise. */
export const packed = (facts: DefectFacts, change: Change): Defect =>
  simulated(facts, (device) => onPackedRing(device, (ring, queue) => change(ring, queue, device)));

/** Run `action` with the element lists of every buffer that is given back. */
export function onPush(ring: PackedDeviceRing, action: (buffer: TakenBuffer) => void): void {
  const { complete } = ring;
  ring.complete = (buffer, written) => {
    action(buffer);
    complete.call(ring, buffer, written);
  };
}
