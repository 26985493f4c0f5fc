import { describe, expect, it } from 'vitest';
import { PARENTS } from '../../devices/registry.ts';
import { F_EVENT_IDX, F_IN_ORDER, F_INDIRECT_DESC, F_RING_PACKED } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { VdpaBus } from '../bus.ts';
import type { VdpaConfigOps } from '../device.ts';
import { GuestMemory } from '../memory/guest-memory.ts';
import type { ParentInstance } from '../parent.ts';
import { BlkDriver, type BlkDriverOptions, BlkError, SECTOR } from './blk-driver.ts';
import { type VirtioVdpaDevice, virtioVdpa } from './device.ts';
import { DriverError } from './driver-error.ts';
import { NetDriver, type NetDriverOptions } from './net-driver.ts';

interface Bench {
  readonly memory: GuestMemory;
  readonly instance: ParentInstance;
  readonly virtio: VirtioVdpaDevice;
  /** Calls of kickVq, and of queue callbacks. */
  readonly count: { kicks: number; irqs: number };
  readonly pump: (budget: number) => number;
}

/** A simulated device on a bus, bound to virtio-vdpa, with kicks and notifications counted. */
function bench(name: string, options: Record<string, string> = {}, size = 4 << 20): Bench {
  const memory = new GuestMemory(size);
  const instance = PARENTS.get(name)!.create({ port: memory.host.port(), seed: 1, options });
  const count = { kicks: 0, irqs: 0 };
  const ops = instance.device.ops as VdpaConfigOps;
  const { kickVq, kickVqWithData, setVqCb } = ops;
  ops.kickVq = (idx) => {
    count.kicks++;
    kickVq.call(ops, idx);
  };
  ops.kickVqWithData = (data) => {
    count.kicks++;
    kickVqWithData!.call(ops, data);
  };
  ops.setVqCb = (idx, { callback }) => {
    const counting = () => {
      count.irqs++;
      callback?.();
    };
    setVqCb.call(ops, idx, { callback: callback === null ? null : counting });
  };
  const bus = new VdpaBus();
  bus.register(instance.device);
  const virtio = bus.bind(instance.device.name, virtioVdpa);
  return { memory, instance, virtio, count, pump: (budget) => instance.pump!(budget) };
}

function blk(options: Partial<BlkDriverOptions> = {}, target: Record<string, string> = {}) {
  const b = bench('simulator-blk', target);
  return { ...b, driver: new BlkDriver(b.virtio, { memory: b.memory, pump: b.pump, ...options }) };
}

function net(options: Partial<NetDriverOptions> = {}, target: Record<string, string> = {}) {
  const b = bench('simulator-net', target);
  const driver = new NetDriver(b.virtio, { memory: b.memory, pump: b.pump, ...options });
  return { ...b, driver, peer: b.instance.peer! };
}

function pattern(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = i * 31 + seed * 17 + (i >> 8);
  return bytes;
}

/** A frame to `to` of `size` bytes with an unknown EtherType, so that nobody interprets it. */
function frame(to: Uint8Array, size: number, seed: number): Uint8Array {
  const bytes = pattern(size, seed);
  bytes.set(to, 0);
  bytes.set([2, 0, 0, 0, 0, 0xfe, 0x88, 0xb5], 6);
  return bytes;
}

/** Where `got` differs from `wanted`, in words. */
function difference(got: readonly { bytes: Uint8Array }[], wanted: readonly Uint8Array[]): string {
  if (got.length !== wanted.length) return `${got.length} instead of ${wanted.length}`;
  const at = got.findIndex(({ bytes }, i) => Buffer.compare(bytes, wanted[i]) !== 0);
  return at < 0 ? 'none' : `frame ${at}`;
}

const PEER = Uint8Array.of(2, 0, 0, 0, 0, 0xfe);
const BOTH = [false, true];

describe.each([
  { packed: false, queueSize: 4 },
  { packed: false, queueSize: 64 },
  { packed: false, queueSize: 256, inOrder: true },
  { packed: true, queueSize: 3 },
  { packed: true, queueSize: 1 },
  { packed: true, queueSize: 50 },
  { packed: true, queueSize: 7, inOrder: true, notificationData: true },
])('blk driver, $packed $queueSize', (ring) => {
  const settings = BOTH.flatMap((eventIdx) => BOTH.map((indirect) => ({ ...ring, eventIdx, indirect })));

  it.each(settings)('moves thousands of sectors: eventIdx $eventIdx, indirect $indirect', (options) => {
    // One descriptor holds a request only through a table.
    if (options.queueSize < 3 && !options.indirect) {
      expect(() => blk(options)).toThrow(/holds no request/);
      return;
    }
    const { driver, memory, count, instance } = blk({ ...options, transfer: 2048, segment: 1000 });
    expect(driver.has(F_RING_PACKED)).toBe(options.packed);
    expect(driver.has(F_EVENT_IDX)).toBe(options.eventIdx);
    expect(driver.has(F_INDIRECT_DESC)).toBe(options.indirect);
    expect(driver.has(F_IN_ORDER)).toBe(options.inOrder ?? false);
    const used = memory.used;
    const image = pattern(2048 * SECTOR, 1);
    for (let at = 0; at < 2048; ) {
      const sectors = Math.min(1 + ((at * 7) % 41), 2048 - at);
      driver.write(at, image.subarray(at * SECTOR, (at + sectors) * SECTOR));
      at += sectors;
    }
    driver.flush();
    expect(Buffer.compare(driver.read(0, 2048), image)).toBe(0);
    expect(driver.outstanding).toBe(0);
    expect(driver.idle).toBe(driver.depth);
    expect(driver.queues[0].ring.free).toBe(driver.queues[0].ring.config.num);
    expect(memory.used).toBe(used);
    const requests = (instance.device.ops.getVendorVqStats!(0) as Record<string, number>).completed_desc;
    expect(requests).toBeGreaterThan(1000);
    if (driver.depth >= 8 && options.indirect) {
      expect(count.kicks).toBeLessThan(requests / 2);
      if (options.eventIdx) expect(count.irqs).toBeLessThan(requests);
    }
  });
});

describe('blk driver', () => {
  it('discards, zeroes and names its device', () => {
    const { driver } = blk({}, { 'discard-sectors': '3', 'zeroes-sectors': '5', serial: 'S/N 4711' });
    driver.write(0, pattern(100 * SECTOR, 3));
    driver.writeZeroes(10, 57);
    driver.writeZeroes(80, 1, true);
    driver.discard(90, 10);
    const now = driver.read(0, 90);
    const expected = pattern(90 * SECTOR, 3)
      .fill(0, 10 * SECTOR, 67 * SECTOR)
      .fill(0, 80 * SECTOR, 81 * SECTOR);
    expect(Buffer.compare(now, expected)).toBe(0);
    expect(driver.getId()).toBe('S/N 4711');
    expect(driver.idle).toBe(driver.depth);
  });

  it('reports the status of requests that fail, and goes on', () => {
    const { driver } = blk({}, { 'read-only': 'yes' });
    expect(driver.readOnly).toBe(true);
    for (const sectors of [1, 300]) {
      expect(() => driver.write(0, new Uint8Array(sectors * SECTOR))).toThrow(
        expect.objectContaining({ name: 'BlkError', code: 'IOERR', status: 1 }),
      );
    }
    expect(() => driver.writeZeroes(0, 1)).toThrow(BlkError);
    expect(driver.read(0, 8)).toEqual(new Uint8Array(8 * SECTOR));
    expect(driver.idle).toBe(driver.depth);
  });

  it('keeps to the capacity and to whole sectors, also after a change', () => {
    const { driver, instance } = blk({}, { capacity: '20' });
    expect(driver.capacity).toBe(20);
    expect(() => driver.read(20, 1)).toThrow(RangeError);
    expect(() => driver.read(-1, 1)).toThrow(RangeError);
    expect(() => driver.write(0, new Uint8Array(100))).toThrow(RangeError);
    expect(driver.read(20, 0)).toEqual(new Uint8Array(0));
    const bytes = new Uint8Array(8);
    bytes[0] = 40;
    instance.backend!.changeConfig!(0, bytes);
    expect(driver.capacity).toBe(40);
    driver.write(39, pattern(SECTOR, 1));
    expect(driver.read(39, 1)).toEqual(pattern(SECTOR, 1));
  });

  it('works without optional features', () => {
    const { driver } = blk({}, { features: 'INDIRECT_DESC' });
    driver.write(5, pattern(SECTOR, 2));
    driver.flush();
    expect(driver.read(5, 1)).toEqual(pattern(SECTOR, 2));
    expect(() => driver.discard(0, 1)).toThrow(expect.objectContaining({ code: 'features' }));
  });

  it('respects size_max and seg_max', () => {
    const { driver } = blk({}, { 'size-max': '700', 'seg-max': '2' });
    driver.write(0, pattern(50 * SECTOR, 5));
    expect(Buffer.compare(driver.read(0, 50), pattern(50 * SECTOR, 5))).toBe(0);
  });

  it('tells a device that is broken from one that is silent', () => {
    const broken = blk();
    broken.instance.backend!.fail!();
    expect(() => broken.driver.read(0, 1)).toThrow(expect.objectContaining({ code: 'needs-reset' }));
    const silent = blk();
    silent.instance.backend!.hold!(0, 1);
    expect(() => silent.driver.read(0, 1)).toThrow(expect.objectContaining({ code: 'hang' }));
    expect(silent.virtio.ops.getStatus() & STATUS.FAILED).toBe(STATUS.FAILED);
    const busy = blk({ pump: () => 1 });
    expect(() => busy.driver.read(0, 1)).toThrow(/busy for ever/);
  });

  it('notices a missing notification', () => {
    const b = bench('simulator-blk');
    b.instance.device.ops.setVqCb = () => {};
    const driver = new BlkDriver(b.virtio, b);
    expect(() => driver.read(0, 1)).toThrow(/no notification/);
  });

  it.each([
    { field: 'id', offset: 4, value: 99, message: /buffer 99 is wrong/ },
    { field: 'length', offset: 8, value: 13, message: /used length 13/ },
  ])('does not believe a wrong $field', ({ offset, value, message }) => {
    const b = bench('simulator-blk');
    const pump = (budget: number) => {
      const done = b.pump(budget);
      if (done > 0)
        b.memory.host.view.setUint32(driver.queues[0].ring.config.device.pa + offset, value, true);
      return done;
    };
    const driver = new BlkDriver(b.virtio, { memory: b.memory, pump });
    expect(() => driver.read(0, 1)).toThrow(message);
  });

  it('starts again after close, in fresh memory, and refuses what it cannot use', () => {
    const b = bench('simulator-blk');
    for (let round = 0; round < 5; round++) {
      b.memory.reset();
      const driver = new BlkDriver(b.virtio, { ...b, packed: round % 2 === 1 });
      if (round > 0) expect(driver.read(round - 1, 1)).toEqual(pattern(SECTOR, round - 1));
      driver.write(round, pattern(SECTOR, round));
      driver.close();
      expect(b.virtio.ops.getStatus()).toBe(0);
      expect(b.virtio.spaces[0].table.entries).toEqual([]);
    }
    b.virtio.ops.getDeviceFeatures = () => 0n;
    expect(() => new BlkDriver(b.virtio, b)).toThrow(expect.objectContaining({ code: 'features' }));
    b.virtio.ops.getStatus = () => 1;
    expect(() => new BlkDriver(b.virtio, b)).toThrow(DriverError);
  });
});

describe.each([
  { packed: false, queueSize: 1 },
  { packed: false, queueSize: 4 },
  { packed: false, queueSize: 64 },
  { packed: true, queueSize: 1 },
  { packed: true, queueSize: 5 },
  { packed: true, queueSize: 100 },
  { packed: true, queueSize: 33, notificationData: true },
])('net driver, $packed $queueSize', (ring) => {
  const settings = BOTH.flatMap((eventIdx) => BOTH.map((indirect) => ({ ...ring, eventIdx, indirect })));

  it.each(settings)('moves thousands of packets: eventIdx $eventIdx, indirect $indirect', (options) => {
    const { driver, peer, memory, count } = net({ ...options, rxBuffer: 300 });
    const used = memory.used;
    const sizes = [60, 61, 300, 287, 288, 289, 1514, 1000];
    const buffers = driver.receiveBuffers;
    let sent = 0;
    let arrived = 0;
    let largest = 0;
    for (let round = 0; round < 12; round++) {
      const out: Uint8Array[] = [];
      for (let i = 0; i < 100; i++) {
        out.push(frame(PEER, sizes[(i + round) % sizes.length], sent++));
        driver.send(out[i]);
      }
      driver.drain();
      expect(difference(peer.take(), out)).toBe('none');
      const incoming: Uint8Array[] = [];
      for (let i = 0; i < 100; i++) {
        incoming.push(frame(driver.mac, sizes[(i * 3 + round) % sizes.length], 7 * arrived++));
        peer.send(incoming[i]);
      }
      const got = driver.receive();
      expect(difference(got, incoming)).toBe('none');
      largest = Math.max(largest, ...got.map((one) => one.buffers));
    }
    expect(driver.sending).toBe(0);
    expect(driver.receiveBuffers).toBe(buffers);
    expect(driver.outstanding).toBe(buffers);
    expect(memory.used).toBe(used);
    const buffer = Math.max(300, Math.ceil(1530 / buffers));
    expect(largest).toBe(Math.ceil(1526 / buffer));
    if (options.queueSize >= 64 && options.eventIdx) expect(count.kicks + count.irqs).toBeLessThan(1200);
  });
});

describe('net driver', () => {
  it('receives into single buffers without MRG_RXBUF', () => {
    const { driver, peer } = net({ mergeable: false });
    for (let i = 0; i < 1000; i++) peer.send(frame(driver.mac, 60 + i, i));
    const got = driver.receive();
    expect(got).toHaveLength(1000);
    expect(got.every(({ buffers }) => buffers === 1)).toBe(true);
    expect(got[999].bytes).toEqual(frame(driver.mac, 1059, 999));
  });

  it('tells MAC, MTU and link', () => {
    const { driver, peer } = net({}, { mac: '02:11:22:33:44:55', mtu: '2000' });
    expect([driver.mtu, driver.linkUp]).toEqual([2000, true]);
    expect(driver.mac).toEqual(Uint8Array.of(2, 0x11, 0x22, 0x33, 0x44, 0x55));
    peer.link!(false);
    expect(driver.linkUp).toBe(false);
    peer.link!(true);
    expect(driver.linkUp).toBe(true);
    driver.send(frame(PEER, 2014, 1));
    expect(() => driver.send(frame(PEER, 2015, 1))).toThrow(RangeError);
    const tagged = frame(PEER, 2018, 1);
    tagged.set([0x81, 0], 12);
    driver.send(tagged);
    driver.drain();
    expect(peer.take().map(({ bytes }) => bytes.length)).toEqual([2014, 2018]);
    const poor = net({}, { features: 'INDIRECT_DESC' }).driver;
    expect([poor.mtu, poor.linkUp, poor.mac[0]]).toEqual([1500, true, 2]);
  });

  it('filters by address, by command', () => {
    const { driver, peer } = net();
    const other = Uint8Array.of(2, 9, 9, 9, 9, 9);
    const seen = () => {
      peer.send(frame(other, 60, 1));
      peer.send(frame(driver.mac, 61, 2));
      return driver.receive().map(({ bytes }) => bytes.length);
    };
    expect(seen()).toEqual([61]);
    driver.setPromiscuous(true);
    expect(seen()).toEqual([60, 61]);
    driver.setPromiscuous(false);
    driver.setMac(other);
    expect(driver.mac).toEqual(other);
    expect(seen()).toEqual([60, 61]);
    expect(() => driver.setMac(Uint8Array.of(1, 0, 0, 0, 0, 1))).toThrow(RangeError);
    const poor = net({}, { without: 'CTRL_VQ' }).driver;
    expect(() => poor.setPromiscuous(true)).toThrow(expect.objectContaining({ code: 'features' }));
  });

  it.each([{ packed: false }, { packed: true }])('uses several queue pairs: packed $packed', ({ packed }) => {
    const { driver, peer } = net({ packed, pairs: 3, queueSize: 16 }, { 'max-pairs': '4' });
    expect(driver.pairs).toBe(3);
    expect(() => driver.send(frame(PEER, 60, 1), { queue: 1 })).toThrow(RangeError);
    driver.setPairs(3);
    for (let i = 0; i < 300; i++) driver.send(frame(PEER, 60 + i, i), { queue: i % 3 });
    driver.drain();
    const taken = peer.take();
    for (const queue of [1, 3, 5]) {
      const own = taken.filter((one) => one.queue === queue);
      expect(own).toHaveLength(100);
      own.forEach(({ bytes }, i) => {
        expect(bytes.length).toBe(60 + 3 * i + (queue - 1) / 2);
      });
    }
    for (let i = 0; i < 100; i++) peer.send(frame(driver.mac, 60 + i, i));
    expect(driver.receive()).toHaveLength(100);
    driver.setPairs(1);
    expect(() => driver.setPairs(4)).toThrow(RangeError);
    expect(driver.sending).toBe(0);
  });

  it('offloads checksums when asked to', () => {
    const { driver, peer } = net({ checksum: true });
    const bytes = frame(PEER, 64, 1);
    bytes.set([0, 0], 34 + 16);
    driver.send(bytes, { checksum: { start: 34, offset: 16 } });
    driver.drain();
    let sum = 0;
    const [{ bytes: whole }] = peer.take();
    for (let i = 34; i < 64; i += 2) sum += (whole[i] << 8) | whole[i + 1];
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    expect(sum).toBe(0xffff);
    peer.send(frame(driver.mac, 64, 1), { needsCsum: true, csumStart: 34, csumOffset: 16 });
    const [got] = driver.receive();
    expect(got.checksum ?? 'complete').toEqual({ start: 34, offset: 16 });
    const plain = net().driver;
    expect(() => plain.send(bytes, { checksum: { start: 34, offset: 16 } })).toThrow(DriverError);
  });

  it('waits for room in the transmit queue, and gives up when there will be none', () => {
    const { driver, peer } = net({ queueSize: 4 });
    peer.stall!(true);
    let sent = 0;
    const send = () => {
      for (;;) driver.send(frame(PEER, 60, sent++));
    };
    expect(send).toThrow(expect.objectContaining({ code: 'hang' }));
    expect(sent).toBeGreaterThan(4);
  });
});
