import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMessage, parseMessage } from './iotlb-message.ts';
import { argumentSize, BACKEND_F, IOCTL, MSG_SIZE } from './uapi.ts';

describe('ioctl numbers', () => {
  it.each([
    ['GET_FEATURES', 0x8008af00],
    ['SET_FEATURES', 0x4008af00],
    ['SET_OWNER', 0x0000af01],
    ['RESET_OWNER', 0x0000af02],
    ['SET_MEM_TABLE', 0x4008af03],
    ['SET_LOG_BASE', 0x4008af04],
    ['SET_LOG_FD', 0x4004af07],
    ['SET_VRING_NUM', 0x4008af10],
    ['SET_VRING_ADDR', 0x4028af11],
    ['SET_VRING_BASE', 0x4008af12],
    ['GET_VRING_BASE', 0xc008af12],
    ['SET_VRING_ENDIAN', 0x4008af13],
    ['GET_VRING_ENDIAN', 0x4008af14],
    ['SET_VRING_KICK', 0x4008af20],
    ['SET_VRING_CALL', 0x4008af21],
    ['SET_VRING_ERR', 0x4008af22],
    ['SET_VRING_BUSYLOOP_TIMEOUT', 0x4008af23],
    ['GET_VRING_BUSYLOOP_TIMEOUT', 0x4008af24],
    ['SET_BACKEND_FEATURES', 0x4008af25],
    ['GET_BACKEND_FEATURES', 0x8008af26],
    ['GET_DEVICE_ID', 0x8004af70],
    ['GET_STATUS', 0x8001af71],
    ['SET_STATUS', 0x4001af72],
    ['GET_CONFIG', 0x8008af73],
    ['SET_CONFIG', 0x4008af74],
    ['SET_VRING_ENABLE', 0x4008af75],
    ['GET_VRING_NUM', 0x8002af76],
    ['SET_CONFIG_CALL', 0x4004af77],
    ['GET_IOVA_RANGE', 0x8010af78],
    ['GET_CONFIG_SIZE', 0x8004af79],
    ['GET_AS_NUM', 0x8004af7a],
    ['GET_VRING_GROUP', 0xc008af7b],
    ['SET_GROUP_ASID', 0x4008af7c],
    ['SUSPEND', 0x0000af7d],
    ['RESUME', 0x0000af7e],
    ['GET_VRING_DESC_GROUP', 0xc008af7f],
    ['GET_VQS_COUNT', 0x8004af80],
    ['GET_GROUP_NUM', 0x8004af81],
    ['GET_VRING_SIZE', 0xc008af82],
    ['SET_FORK_FROM_OWNER', 0x4001af84],
    ['GET_FORK_FROM_OWNER', 0x8001af85],
  ] as const)('%s is 0x%s', (name, number) => {
    expect(IOCTL[name]).toBe(number);
  });

  it('say how long the argument is', () => {
    expect(argumentSize(IOCTL.SET_VRING_ADDR)).toBe(40);
    expect(argumentSize(IOCTL.GET_IOVA_RANGE)).toBe(16);
    expect(argumentSize(IOCTL.SUSPEND)).toBe(0);
  });
});

describe('IOTLB messages', () => {
  const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const message = fc.record({
    asid: fc.integer({ min: 0, max: 0xffff_ffff }),
    iova: u64,
    size: u64,
    uaddr: u64,
    perm: fc.integer({ min: 0, max: 255 }),
    type: fc.integer({ min: 0, max: 255 }),
  });

  it('have 72 bytes and their fields where the header puts them', () => {
    const bytes = encodeMessage({ asid: 7, iova: 0x1122n, size: 0x3344n, uaddr: 0x5566n, perm: 3, type: 2 });
    expect(bytes.length).toBe(MSG_SIZE);
    const view = new DataView(bytes.buffer);
    expect(view.getInt32(0, true)).toBe(2);
    expect(view.getUint32(4, true)).toBe(7);
    expect([8, 16, 24].map((at) => view.getBigUint64(at, true))).toEqual([0x1122n, 0x3344n, 0x5566n]);
    expect([bytes[32], bytes[33]]).toEqual([3, 2]);
    expect(bytes.subarray(34).every((byte) => byte === 0)).toBe(true);
  });

  it('read back as written; version 1 and a node that ignores ASIDs give ASID 0', () => {
    fc.assert(
      fc.property(message, (one) => {
        expect(parseMessage(encodeMessage(one), BACKEND_F.IOTLB_ASID)).toEqual(one);
        expect(parseMessage(encodeMessage(one), 0n)).toEqual({ ...one, asid: 0 });
        expect(parseMessage(encodeMessage(one, 1), BACKEND_F.IOTLB_ASID)).toEqual({ ...one, asid: 0 });
      }),
    );
  });

  it('are refused when they are short or of another kind, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const parsed = parseMessage(bytes, BACKEND_F.IOTLB_ASID);
        const kind = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
        const good = bytes.length >= 40 && (kind === 1 || kind === 2);
        expect(typeof parsed).toBe(good ? 'object' : 'number');
        if (!good) expect(parsed).toBe(-22);
      }),
    );
  });
});
