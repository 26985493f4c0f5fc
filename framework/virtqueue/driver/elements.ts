import { DESC_SIZE } from '../../../specs/virtio-1.1/ring-layout.ts';
import { type AddOptions, DriverRingError, type Element, type UsedBuffer, type UsedFault } from './ring.ts';

/**
 * Refuse a buffer that descriptors cannot express, or whose device-readable elements do not all come first
 * (sections 2.6.4.2 and 2.7.17; `breach` permits that).
 */
export function checkElements(elements: readonly Element[], breach: boolean): void {
  if (elements.length === 0) throw noElement();
  let writable = breach;
  for (let i = 0; i < elements.length; i++) {
    const { iova, len, write } = elements[i];
    if (!(iova >= 0 && iova < 0x20_0000_0000_0000) || len >>> 0 !== len) throw badElement(i, iova, len);
    if (write === true) writable = true;
    else if (writable && !breach) throw readableTooLate(i);
  }
}

/** Why a buffer is refused. */
export function noElement(): DriverRingError {
  return new DriverRingError('empty-buffer', 'a buffer has at least one element (sections 2.6.13.1, 2.7)');
}

export function badElement(i: number, iova: number, len: number): DriverRingError {
  return new DriverRingError(
    'bad-element',
    `element ${i}: address ${iova} with length ${len} does not fit a descriptor; the raw helpers write any 64-bit address`,
  );
}

export function readableTooLate(i: number): DriverRingError {
  return new DriverRingError(
    'breach',
    `element ${i} is device-readable but follows a device-writable one (sections 2.6.4.2, 2.7.17); pass breach to do it anyway`,
  );
}

/**
 * Number of elements that get a descriptor of their own in the ring; the rest go into the indirect table,
 * which has to be large enough and inside the `memorySize` bytes of host memory.
 */
export function directCount(
  elements: readonly Element[],
  options: AddOptions | undefined,
  memorySize: number,
): number {
  const total = elements.length;
  const indirect = options?.indirect;
  if (indirect === undefined) return total;
  const direct = indirect.direct ?? 0;
  if (!Number.isInteger(direct) || direct < 0 || direct >= total) {
    throw new DriverRingError(
      'empty-buffer',
      `${direct} direct of ${total} elements leave nothing for the indirect table`,
    );
  }
  const need = (total - direct) * DESC_SIZE;
  const { pa, size } = indirect.table;
  if (size < need || !Number.isInteger(pa) || pa < 0 || pa + need > memorySize) {
    throw new DriverRingError(
      'bad-table',
      `indirect table of ${size} bytes at ${pa}: ${need} bytes inside host memory are needed`,
    );
  }
  return direct;
}

/** The free descriptors do not suffice. */
export function ringFull(need: number, free: number): DriverRingError {
  return new DriverRingError('ring-full', `the buffer needs ${need} descriptors, ${free} are free`);
}

/** `event` was asked for without EVENT_IDX. */
export function noEventIdx(): DriverRingError {
  return new DriverRingError(
    'bad-mode',
    'interrupt mode "event" needs VIRTIO_F_EVENT_IDX (sections 2.6.7, 2.7.10)',
  );
}

/** A used buffer to be filled by `poll`. */
export function blankUsed(): UsedBuffer {
  return { id: 0, len: 0, token: undefined, known: false, writeFlag: undefined, fault: undefined };
}

/** Make `used` a completion that belongs to no outstanding buffer. */
export function unknownBuffer(
  used: UsedBuffer,
  id: number,
  len: number,
  fault: UsedFault,
  writeFlag?: boolean,
): UsedBuffer {
  used.id = id;
  used.len = len;
  used.token = undefined;
  used.known = false;
  used.writeFlag = writeFlag;
  used.fault = fault;
  return used;
}
