import type { AccessSize } from '../../../framework/transport/access.ts';
import { type ConfigDevice, configFields } from '../../../specs/virtio-1.1/config-space.ts';
import { bitMask } from '../../../specs/virtio-1.1/features.ts';

/** Width of the access that reaches each byte, by offset; 0 in the middle of a field. */
export type AccessPlan = readonly (AccessSize | 0)[];

/**
 * How to access the device configuration of `device` in `size` bytes: each field with the width it has, 64-bit
 * ones in two halves, arrays by element (sections 4.1.3.1 and 4.2.2.2); bytes wherever no field is known.
 */
export function planAccesses(device: ConfigDevice | undefined, size: number): AccessPlan {
  const plan: (AccessSize | 0)[] = new Array(size).fill(1);
  for (const { offset, width, type } of device === undefined ? [] : configFields(device)) {
    if (offset + width > size) continue;
    const step: AccessSize = type === 'le16' ? 2 : type === 'le32' || type === 'le64' ? 4 : 1;
    for (let at = offset; at < offset + width; at++) plan[at] = (at - offset) % step === 0 ? step : 0;
  }
  return plan;
}

/** Cut `length` bytes from `offset` into accesses as planned; what covers no whole field goes byte by byte. */
export function* accesses(plan: AccessPlan, offset: number, length: number): Generator<[number, AccessSize]> {
  const end = Math.min(offset + length, plan.length);
  for (let at = offset; at < end; ) {
    const width = plan[at];
    const size = width !== 0 && at + width <= end ? width : 1;
    yield [at, size];
    at += size;
  }
}

/** End of the last field that exists with the features `offered` (section 2.4); 0 when no field is known. */
export function fieldsEnd(device: ConfigDevice, offered: bigint): number {
  return configFields(device)
    .filter(({ condition }) => condition.length === 0 || condition.some((name) => offered & bitMask([name])))
    .reduce((end, { offset, width }) => Math.max(end, offset + width), 0);
}
