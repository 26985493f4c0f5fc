import { describe, expect, it } from 'vitest';
import {
  CONFIG_FIELDS,
  type ConfigDevice,
  type ConfigField,
  configField,
  configFields,
  readField,
} from './config-space.ts';
import { DEVICE_IDS, deviceId, deviceName } from './device-ids.ts';
import { featureByName } from './features.ts';
import { REGISTERS, type Register, type RegisterSpace, registerOffset, registersOf } from './registers.ts';
import * as ring from './ring-layout.ts';
import { STATUS, STATUS_BITS, statusNames } from './status.ts';

const fields: readonly ConfigField[] = CONFIG_FIELDS;
const registers: readonly Register[] = REGISTERS;
const devices = [...new Set(fields.map((row) => row.device))];
const spaces = [...new Set(registers.map((row) => row.space))];

describe('device status', () => {
  it('has one row per constant', () => {
    expect(Object.fromEntries(STATUS_BITS.map((bit) => [bit.name, bit.value]))).toEqual(STATUS);
    expect(STATUS_BITS.filter((bit) => bit.setBy === 'device').map((bit) => bit.name)).toEqual([
      'DEVICE_NEEDS_RESET',
    ]);
  });

  it.each([
    [0, '0'],
    [3, 'ACKNOWLEDGE|DRIVER'],
    [15, 'ACKNOWLEDGE|DRIVER|FEATURES_OK|DRIVER_OK'],
    [0x90, 'FAILED|0x10'],
    [0xff, 'ACKNOWLEDGE|DRIVER|FEATURES_OK|DRIVER_OK|DEVICE_NEEDS_RESET|FAILED|0x30'],
  ])('spells %i', (value, text) => {
    expect(statusNames(value)).toBe(text);
  });
});

describe('configuration space', () => {
  it('has 64 rows, one of them the entropy placeholder', () => {
    expect(fields).toHaveLength(64);
    expect(fields.filter((row) => row.width === 0).map((row) => row.device)).toEqual(['entropy']);
    expect(configFields('entropy')).toEqual([]);
  });

  it.each(devices)('lays %s out without gap or overlap', (device) => {
    let end = 0;
    for (const row of configFields(device)) {
      expect(row.offset, row.field).toBe(end);
      end += row.width;
    }
    const names = configFields(device).map((row) => row.field);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each([
    ['net', 12],
    ['blk', 60],
    ['console', 12],
    ['balloon', 8],
    ['scsi', 36],
    ['gpu', 16],
    ['input', 136],
    ['crypto', 56],
    ['socket', 8],
  ] as const satisfies readonly (readonly [ConfigDevice, number])[])('ends %s at byte %i', (device, size) => {
    expect(configFields(device).reduce((sum, row) => sum + row.width, 0)).toBe(size);
  });

  it('matches width with type, and conditions with features of the device', () => {
    const widths: Record<string, number> = { u8: 1, le16: 2, le32: 4, le64: 8, none: 0 };
    for (const row of fields) {
      expect(row.width).toBe(widths[row.type] ?? Number(/\[(\d+)\]/.exec(row.type)?.[1]));
      for (const name of row.condition) expect(featureByName(name).scope).toBe(row.device);
    }
  });

  it('lets drivers write only what 1.1 lets them write', () => {
    expect(fields.filter((row) => row.driverWrites).map((row) => `${row.device}.${row.field}`)).toEqual([
      'blk.writeback',
      'console.emerg_wr',
      'balloon.actual',
      'scsi.sense_size',
      'scsi.cdb_size',
      'gpu.events_clear',
      'input.select',
      'input.subsel',
    ]);
  });

  it('finds a field or suggests one', () => {
    expect(configField('blk', 'geometry.heads').offset).toBe(18);
    expect(() => configField('blk', 'capcity')).toThrow(/did you mean capacity\?/);
    expect(() => configField('net', 'capacity')).toThrow(RangeError);
  });

  it('reads little-endian from any view', () => {
    const bytes = Uint8Array.from({ length: 62 }, (_, index) => index).subarray(2);
    expect(readField(bytes, configField('blk', 'capacity'))).toBe(0x0908070605040302n);
    expect(readField(bytes, configField('blk', 'size_max'))).toBe(0x0d0c0b0a);
    expect(readField(bytes, configField('blk', 'geometry.cylinders'))).toBe(0x1312);
    expect(readField(bytes, configField('blk', 'writeback'))).toBe(34);
    const copy = readField(bytes, configField('blk', 'unused0'));
    expect(copy).toEqual(Uint8Array.of(35, 36, 37));
    bytes.fill(0);
    expect(copy).toEqual(Uint8Array.of(35, 36, 37));
    expect(readField(new Uint8Array(8).fill(255), configField('socket', 'guest_cid'))).toBe(2n ** 64n - 1n);
    expect(readField(new Uint8Array(4).fill(255), configField('balloon', 'num_pages'))).toBe(2 ** 32 - 1);
    expect(() => readField(new Uint8Array(7), configField('blk', 'capacity'))).toThrow(RangeError);
  });
});

describe('registers', () => {
  it('has 100 rows', () => {
    expect(registers).toHaveLength(100);
    expect(spaces.reduce((sum, space) => sum + registersOf(space).length, 0)).toBe(100);
  });

  it.each(spaces)('keeps %s in order and free of overlap', (space) => {
    const names = registersOf(space).map((row) => row.name);
    expect(new Set(names).size).toBe(names.length);
    let end = 0;
    for (const row of registersOf(space).filter((entry) => entry.name !== 'pci_cfg_data')) {
      expect(registerOffset(row), row.name).toBeGreaterThanOrEqual(row.perEntry === undefined ? end : 0);
      end = registerOffset(row) + (row.width === 'varies' ? 0 : row.width);
    }
  });

  it.each([
    ['pci-common-cfg', 56],
    ['pci-cap', 20],
    ['pci-legacy-bar0', 24],
    ['split-desc', 16],
    ['packed-desc', 16],
    ['packed-event', 4],
  ] as const satisfies readonly (readonly [RegisterSpace, number])[])('ends %s at byte %i', (space, size) => {
    const last = registersOf(space).at(-1);
    expect(Number(last?.offset) + Number(last?.width)).toBe(size);
  });

  it('moves the ring fields with index and queue size', () => {
    const at = (space: RegisterSpace, name: string, n: number): number => {
      const row = registersOf(space).find((entry) => entry.name === name);
      return row === undefined ? -1 : registerOffset(row, n);
    };
    expect(at('split-avail', 'ring[]', 3)).toBe(10);
    expect(at('split-used', 'ring[].len', 2)).toBe(24);
    expect(at('split-avail', 'used_event', 8)).toBe(ring.usedEventOffset(8));
    expect(at('split-used', 'avail_event', 8)).toBe(ring.availEventOffset(8));
    expect(at('split-desc', 'next', 8)).toBe(ring.SPLIT_DESC.next);
  });
});

describe('ring layout', () => {
  it.each([1, 4, 256, 32768])('sizes a split queue of %i', (num) => {
    expect(ring.splitAreaSizes(num)).toEqual({ desc: 16 * num, avail: 6 + 2 * num, used: 6 + 8 * num });
  });

  it('sizes a packed queue, power of two or not', () => {
    expect(ring.packedAreaSizes(5)).toEqual({ ring: 80, driver: 4, device: 4 });
  });

  it.each([0, -1, 1.5, 32769, Number.NaN])('refuses a queue of %d', (num) => {
    expect(() => ring.splitAreaSizes(num)).toThrow(RangeError);
    expect(() => ring.packedAreaSizes(num)).toThrow(RangeError);
  });

  it('agrees with the register table', () => {
    const offsets = (space: RegisterSpace) =>
      Object.fromEntries(registersOf(space).map((row) => [row.name, row.offset]));
    expect(offsets('split-desc')).toEqual(ring.SPLIT_DESC);
    expect(offsets('packed-desc')).toEqual(ring.PACKED_DESC);
    expect(offsets('packed-event')).toMatchObject({
      desc: ring.PACKED_EVENT.desc,
      flags: ring.PACKED_EVENT.flags,
    });
  });

  it('gives every descriptor flag a bit of its own', () => {
    const flags = Object.values(ring.DESC_F);
    expect(flags.reduce((sum, flag) => sum + flag, 0)).toBe(flags.reduce((mask, flag) => mask | flag, 0));
  });
});

describe('device ids', () => {
  it('numbers each device once', () => {
    expect(DEVICE_IDS).toHaveLength(23);
    expect(new Set(DEVICE_IDS.map((row) => row.id)).size).toBe(23);
    expect(new Set(DEVICE_IDS.map((row) => row.name)).size).toBe(23);
  });

  it('looks up both ways', () => {
    for (const row of DEVICE_IDS) expect(deviceId(row.name)).toBe(row.id);
    expect([1, 2, 19, 14].map(deviceName)).toEqual(['net', 'blk', 'socket', 'device 14']);
    const named = new Set<string>(DEVICE_IDS.map((row) => row.name));
    expect(devices.filter((device) => !named.has(device))).toEqual([]);
  });
});
