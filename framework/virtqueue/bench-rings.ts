import type { RingLoop } from './bench-plain.ts';
import type { DeviceRing } from './device/ring.ts';
import type { AddOptions, DriverRing, Element, UsedBuffer } from './driver/ring.ts';

/**
 * A driver and a device that use the two rings of one queue: a batch there and back, again and again. Refers to
 * nothing outside, so that it can be compiled for one queue, as a driver that knows one ring format is; the
 * rings themselves are compiled for all of them.
 */
export function useRings(
  driver: DriverRing,
  device: DeviceRing,
  batch: readonly (readonly Element[])[],
  options: readonly AddOptions[],
  used: UsedBuffer,
): RingLoop {
  /** The driver makes a batch available. */
  function supply(): number {
    for (let i = 0; i < batch.length; i++) driver.add(batch[i], options[i]);
    driver.publish();
    return driver.kickNeeded() ? 1 : 0;
  }

  /** The device takes and uses what there is. */
  function serve(): number {
    let sum = 0;
    for (let buffer = device.pop(); buffer !== null; buffer = device.pop()) {
      const { addr, len, readable } = buffer;
      const end = readable + buffer.writable;
      let written = 0;
      for (let i = 0; i < end; i++) {
        sum += addr[i] + len[i];
        if (i >= readable) written += len[i];
      }
      device.push(buffer, written);
    }
    device.publish();
    return device.needsNotification() ? sum + 1 : sum;
  }

  /** The driver takes back what was used. */
  function collect(): number {
    let sum = 0;
    while (driver.poll(used) !== null) sum += used.len! + (used.token as number);
    return sum;
  }

  return (batches) => {
    let sum = 0;
    for (let round = 0; round < batches; round++) sum += supply() + serve() + collect();
    return sum;
  };
}
