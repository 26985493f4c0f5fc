import { describe, expect, it } from 'vitest';
import { initialVqState } from '../../framework/device.ts';
import {
  asU64,
  asVringState,
  configPayload,
  decodeHeader,
  encode,
  FLAG,
  HEADER,
  memoryTable,
  REQUEST,
  u64,
  vringAddress,
  vringFd,
  vringState,
} from './messages.ts';
import { fromBase, toBase } from './vring.ts';

const words = (bytes: Uint8Array) => Array.from(new Uint32Array(bytes.slice().buffer));

describe('messages', () => {
  it('have a header of request, flags with version 1, and size', () => {
    const bytes = encode(REQUEST.SET_VRING_NUM, FLAG.NEED_REPLY, vringState(3, 256));
    expect(words(bytes)).toEqual([8, 9, 8, 3, 256]);
    expect(decodeHeader(bytes)).toEqual({ request: 8, flags: 9, size: 8 });
    expect(asVringState(bytes.subarray(HEADER))).toEqual({ index: 3, num: 256 });
  });

  it('carry numbers of 64 bits', () => {
    expect(asU64(u64(0x8000_0000_0000_0001n))).toBe(0x8000_0000_0000_0001n);
    expect(asU64(vringFd(5))).toBe(5n);
    expect(asU64(vringFd(5, true))).toBe(0x105n);
  });

  it('give ring addresses in the order descriptors, device area, driver area', () => {
    expect(words(vringAddress(1, 0x10n, 0x30n, 0x20n))).toEqual([1, 0, 0x10, 0, 0x30, 0, 0x20, 0, 0, 0]);
  });

  it('list memory regions', () => {
    const region = { guest: 0x1_0000_0000, size: 0x1000, user: 0x5000n, offset: 0x2000 };
    expect(words(memoryTable([region]))).toEqual([1, 0, 0, 1, 0x1000, 0, 0x5000, 0, 0x2000, 0]);
  });

  it('write configuration with offset and size', () => {
    expect(Array.from(configPayload(32, Uint8Array.of(1)))).toEqual([32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
  });
});

describe('queue positions', () => {
  it('of split queues are the avail index', () => {
    const state = { ...initialVqState(), split: { availIndex: 65535 } };
    expect(toBase(state, false)).toBe(65535);
    expect(fromBase(65535, false).split.availIndex).toBe(65535);
  });

  it('of packed queues hold both positions with their counters', () => {
    const packed = { lastAvailIdx: 5, lastAvailCounter: 0, lastUsedIdx: 3, lastUsedCounter: 1 };
    const base = toBase({ ...initialVqState(), packed }, true);
    expect(base).toBe(0x8003_0005);
    expect(fromBase(base, true).packed).toEqual(packed);
    expect(toBase(initialVqState(), true)).toBe(0x8000_8000);
  });

  it('of packed queues that are told by half mean both', () => {
    expect(fromBase(0x8007, true).packed).toEqual({
      ...{ lastAvailIdx: 7, lastAvailCounter: 1 },
      ...{ lastUsedIdx: 7, lastUsedCounter: 1 },
    });
  });
});
