import { describe, expect, it } from 'vitest';
import { ERRNO, initialVqState } from '../../framework/device.ts';
import { F_NOTIFICATION_DATA, F_VERSION_1, namesOf } from '../../specs/virtio-1.1/features.ts';
import { BlkDevice } from './blk/blk-device.ts';
import {
  BASELINE,
  BlkBench,
  F_EVENT_IDX,
  F_IN_ORDER,
  F_INDIRECT_DESC,
  F_RING_PACKED,
  IOVA_BASE,
} from './test-bench.ts';

/** Two buffers available and not pumped. */
function queueTwo(bench: BlkBench): void {
  for (const fill of [1, 2]) {
    const data = bench.alloc(512);
    bench.memory.bytes.fill(fill, data.pa, data.pa + 512);
    bench.ring.add(bench.request(1, fill, [data], false).elements);
  }
  bench.ring.publish();
}

function used(bench: BlkBench): number {
  let count = 0;
  while (bench.ring.poll() !== null) count++;
  return count;
}

describe('device status', () => {
  it('keeps every bit of the legal sequence', () => {
    const { device } = new BlkBench();
    const write = (status: number): number => {
      device.setStatus(status);
      return device.getStatus();
    };
    expect([1, 3].map(write)).toEqual([1, 3]);
    expect(device.setDriverFeatures(BASELINE)).toBe(0);
    expect([11, 15, 143].map(write)).toEqual([11, 15, 143]);
  });

  it('lets no driver clear a bit or set DEVICE_NEEDS_RESET', () => {
    const { device } = new BlkBench().start();
    for (const status of [3, 11, 1 | 64]) device.setStatus(status);
    expect(device.getStatus()).toBe(15);
  });

  it('refuses FEATURES_OK without VERSION_1 and DRIVER_OK without FEATURES_OK', () => {
    const { device } = new BlkBench();
    expect(device.setDriverFeatures(0n)).toBe(0);
    device.setStatus(15);
    expect(device.getStatus()).toBe(3);
  });

  it('takes a write of 0 for a reset', () => {
    const { device } = new BlkBench().start();
    device.setStatus(0);
    expect([device.getStatus(), device.getDriverFeatures(), device.getVqReady(0)]).toEqual([0, 0n, false]);
  });

  it('does not show DRIVER_OK when a ready queue cannot start', () => {
    const bench = new BlkBench();
    bench.negotiate(BASELINE);
    bench.device.setVqNum(0, 3);
    bench.device.setVqReady(0, true);
    bench.device.setStatus(15);
    expect(bench.device.getStatus()).toBe(11 | 64);
  });
});

describe('features', () => {
  it('refuses what was not offered and keeps the old set', () => {
    const { device } = new BlkBench({ without: 'EVENT_IDX' });
    device.setStatus(3);
    expect(device.setDriverFeatures(BASELINE)).toBe(0);
    for (const bad of [BASELINE | F_EVENT_IDX, BASELINE | (1n << 63n), F_VERSION_1])
      expect(device.setDriverFeatures(bad)).toBe(-ERRNO.EINVAL);
    expect(device.getDriverFeatures()).toBe(BASELINE);
    device.setStatus(11);
    expect(device.setDriverFeatures(BASELINE)).toBe(-ERRNO.EBUSY);
  });

  it('offers exactly what the options say', () => {
    const offer = (options: Record<string, string>) =>
      namesOf(new BlkBench(options).device.getDeviceFeatures(), 'blk').map((name) =>
        name.replace(/.*_F_/, ''),
      );
    expect(offer({ features: 'FLUSH+RING_PACKED' })).toEqual([
      'FLUSH',
      'VERSION_1',
      'ACCESS_PLATFORM',
      'RING_PACKED',
    ]);
    expect(offer({ without: 'blk.FLUSH' })).not.toContain('CONFIG_WCE');
    expect(() => offer({ without: 'FLUSCH' })).toThrow(/did you mean/);
    expect(() => offer({ colour: 'red' })).toThrow(/unknown option "colour"/);
  });

  it('does not change its offer', () => {
    const bench = new BlkBench();
    const offer = bench.device.getDeviceFeatures();
    bench.start();
    expect(bench.device.getDeviceFeatures()).toBe(offer);
  });
});

describe.each([false, true])('queues (packed: %s)', (packed) => {
  it('consumes nothing before DRIVER_OK and then starts without a kick', () => {
    const bench = new BlkBench();
    bench.map();
    const features = BASELINE | (packed ? F_RING_PACKED : 0n);
    bench.negotiate(features);
    bench.setupQueue(8, features);
    queueTwo(bench);
    bench.device.kickVq(0);
    expect([bench.pump(), used(bench), bench.interrupts]).toEqual([0, 0, 0]);
    bench.device.setStatus(15);
    expect([bench.pump(), used(bench), bench.interrupts]).toEqual([2, 2, 2]);
  });

  it('does exactly the budget', () => {
    const bench = new BlkBench().start({ packed });
    bench.pump();
    queueTwo(bench);
    bench.kick();
    expect([1, 1, 1].map((budget) => bench.instance.pump(budget))).toEqual([1, 1, 0]);
  });

  it('forgets everything at reset but the mappings', () => {
    const bench = new BlkBench().start({ packed });
    queueTwo(bench);
    bench.kick();
    const { device } = bench;
    const before = Buffer.from(bench.memory.bytes);
    device.reset();
    device.kickVq(0);
    expect([bench.pump(), bench.interrupts]).toEqual([0, 0]);
    expect(before.equals(bench.memory.bytes)).toBe(true);
    device.setVqReady(0, true);
    bench.negotiate(BASELINE);
    device.setStatus(15);
    expect(device.getStatus() & 4).toBe(0);
    device.reset();
    expect(bench.start({ packed }).write(1, 7)).toBe(0);
  });

  it('stops and goes on at the saved position', () => {
    const bench = new BlkBench().start({ packed, num: 8 });
    bench.write(0, 1);
    bench.device.setVqReady(0, false);
    queueTwo(bench);
    bench.device.kickVq(0);
    expect(bench.pump()).toBe(0);
    const state = initialVqState();
    expect(bench.device.getVqState(0, state)).toBe(0);
    expect(packed ? state.packed.lastAvailIdx : state.split.availIndex).toBe(packed ? 3 : 1);
    bench.device.setVqReady(0, true);
    expect([bench.pump(), used(bench)]).toEqual([2, 2]);
  });

  it('suspends with nothing in flight, and resumes with the kicks it missed', () => {
    const bench = new BlkBench().start({ packed });
    bench.device.hold(0, 1);
    expect(bench.write(3, 9)).toBe(0xff);
    expect(bench.device.getVqState(0, initialVqState())).toBe(-ERRNO.EBUSY);
    expect(bench.device.suspend()).toBe(0);
    expect(used(bench)).toBe(1);
    queueTwo(bench);
    bench.device.kickVq(0);
    bench.device.setVqReady(0, true);
    const interrupts = bench.interrupts;
    expect([bench.pump(), bench.device.getStatus(), bench.device.suspend()]).toEqual([0, 15, 0]);
    bench.instance.backend.changeConfig!(0, Uint8Array.of(1));
    expect([bench.interrupts, bench.configInterrupts]).toEqual([interrupts, 0]);
    expect([bench.device.resume(), bench.pump(), used(bench), bench.configInterrupts]).toEqual([0, 2, 2, 1]);
    expect(bench.device.resume()).toBe(0);
  });

  it('starts nothing while suspended, and tells of an error after resume', () => {
    const bench = new BlkBench();
    bench.map();
    const features = BASELINE | (packed ? F_RING_PACKED : 0n);
    bench.negotiate(features);
    bench.setupQueue(8, features);
    bench.device.suspend();
    bench.device.setStatus(15);
    queueTwo(bench);
    bench.device.kickVq(0);
    expect([bench.pump(), used(bench)]).toEqual([0, 0]);
    bench.device.resume();
    expect([bench.pump(), used(bench)]).toEqual([2, 2]);
    bench.device.suspend();
    bench.device.fail();
    expect(bench.configInterrupts).toBe(0);
    bench.device.resume();
    expect(bench.configInterrupts).toBe(1);
  });

  it('sees a buffer that comes in while it goes to sleep', () => {
    const bench = new BlkBench().start({ packed });
    bench.pump();
    const ring = bench.device.queues[0].ring!;
    const { enableKicks } = ring;
    ring.enableKicks = () => {
      ring.enableKicks = enableKicks;
      queueTwo(bench);
      return enableKicks.call(ring);
    };
    bench.device.kickVq(0);
    expect([bench.pump(), used(bench)]).toEqual([2, 2]);
  });

  it('asks for kicks when idle and for none when busy, each time', () => {
    const bench = new BlkBench().start({ packed });
    const kicksWanted = (): boolean => {
      const { device } = bench.ring.config;
      return bench.memory.view.getUint16(device.pa + (packed ? 2 : 0), true) === 0;
    };
    for (const round of [1, 2]) {
      bench.pump();
      queueTwo(bench);
      bench.device.kickVq(0);
      expect([round, kicksWanted(), bench.instance.pump(1), kicksWanted()]).toEqual([round, true, 1, false]);
    }
  });

  it('translates in the address space of the group, which reset takes back to 0', () => {
    const bench = new BlkBench();
    const { port, device: one } = bench;
    const device = new BlkDevice({ ...one.profile, nas: 2 }, port);
    Object.assign(bench, { device, instance: { pump: (budget: number) => device.pump(budget) } });
    device.dmaMap!(1, IOVA_BASE, bench.memory.size, 0, 3);
    device.dmaMap!(0, 0, 4096, 0, 3);
    device.setGroupAsid(0, 1);
    expect(bench.start({ packed }).write(0, 1)).toBe(0);
    device.reset();
    bench.start({ packed });
    bench.device.kickVq(0);
    expect([bench.pump(), device.getStatus()]).toEqual([0, 15 | 64]);
  });

  it('works to the last slot of every size, many times round', () => {
    const bench = new BlkBench().start({ packed, num: packed ? 5 : 4 });
    for (let i = 0; i < 23; i++) expect(bench.write(i, i + 1)).toBe(0);
    expect(bench.read(22)).toEqual([23]);
  });

  it('holds a request back without stopping the others', () => {
    const bench = new BlkBench().start({ packed });
    bench.instance.backend.hold!(0, 1);
    expect([bench.write(0, 1), bench.write(1, 2)]).toEqual([0xff, 0]);
    bench.instance.backend.release!();
    expect([bench.pump(), used(bench), bench.read(0)]).toEqual([1, 1, [1]]);
  });

  it('sets DEVICE_NEEDS_RESET and says so when the ring is out of reach', () => {
    const bench = new BlkBench().start({ packed });
    bench.pump();
    bench.device.dmaUnmap!(0, 0, 2 ** 52);
    queueTwo(bench);
    bench.kick();
    bench.pump();
    expect([bench.device.getStatus(), bench.configInterrupts, used(bench)]).toEqual([15 | 64, 1, 0]);
    bench.device.reset();
    expect(bench.start({ packed }).write(1, 7)).toBe(0);
  });

  it('waits for mappings that come after DRIVER_OK', () => {
    const bench = new BlkBench();
    const features = BASELINE | (packed ? F_RING_PACKED : 0n);
    bench.negotiate(features);
    bench.setupQueue(8, features);
    bench.device.setStatus(15);
    queueTwo(bench);
    expect([bench.pump(), bench.device.getStatus()]).toEqual([0, 15]);
    bench.map();
    expect([bench.pump(), used(bench)]).toEqual([2, 2]);
  });

  it('obeys a driver that kicks only when asked', () => {
    const bench = new BlkBench().start({ packed, features: F_EVENT_IDX, num: 8 });
    for (let i = 0; i < 40; i++) expect(bench.write(i, i)).toBe(0);
    const silent = new BlkBench().start({ packed, num: 8 });
    silent.ring.setInterrupts({ mode: 'disable' });
    expect([silent.write(0, 1), silent.interrupts]).toEqual([0, 0]);
  });
});

describe('split queue state', () => {
  it('starts at the index it was given, and cannot be moved while it runs', () => {
    const bench = new BlkBench();
    bench.map();
    bench.negotiate(BASELINE);
    bench.setupQueue(8, BASELINE);
    const state = initialVqState();
    state.split.availIndex = 65535;
    expect(bench.device.setVqState(0, state)).toBe(0);
    state.split.availIndex = 0;
    expect([bench.device.getVqState(0, state), state.split.availIndex]).toEqual([0, 65535]);
    bench.device.setStatus(15);
    expect(bench.device.setVqState(0, initialVqState())).toBe(-ERRNO.EINVAL);
  });
});

describe('ops with bad arguments', () => {
  it('answers an index that is no queue', () => {
    const { device } = new BlkBench().start();
    for (const idx of [-1, 1, 1.5, Number.NaN, 2 ** 32]) {
      device.kickVq(idx);
      device.setVqReady(idx, true);
      device.setVqNum(idx, 8);
      device.setVqCb(idx, { callback: null });
      expect(device.setVqAddress(idx, 0, 0, 0)).toBe(-ERRNO.EINVAL);
      expect(device.setVqState(idx, initialVqState())).toBe(-ERRNO.EINVAL);
      expect(device.getVqState(idx, initialVqState())).toBe(-ERRNO.EINVAL);
      expect([device.getVqReady(idx), device.getVqSize(idx), device.getVqGroup(idx)]).toEqual([false, 0, 0]);
    }
  });

  it('refuses address spaces and groups that do not exist, and bad mappings', () => {
    const { device } = new BlkBench();
    expect([device.setGroupAsid(0, 1), device.setGroupAsid(1, 0), device.setGroupAsid(0, 0)]).toEqual([
      -22, -22, 0,
    ]);
    expect([device.dmaMap!(1, 0, 4096, 0, 3), device.dmaMap!(0, 0, 0, 0, 3)]).toEqual([-22, -22]);
    expect([device.dmaMap!(0, 0, 4096, 0, 3), device.dmaMap!(0, 4095, 4096, 0, 3)]).toEqual([
      0,
      -ERRNO.EEXIST,
    ]);
    expect([device.dmaUnmap!(0, 2 ** 40, 4096), device.dmaMap!(0, 2 ** 52 - 4096, 4096, 0, 3)]).toEqual([
      0, 0,
    ]);
    expect(device.setMap).toBeUndefined();
  });

  it('replaces whole tables with dma=set', () => {
    const bench = new BlkBench({ dma: 'set' }).start();
    expect([bench.device.dmaMap, bench.device.dmaUnmap]).toEqual([undefined, undefined]);
    expect(bench.write(0, 1)).toBe(0);
    const bad = { iova: 0, size: 4096, addr: 0, perm: 3 } as const;
    expect(bench.device.setMap!(0, [bad, bad])).toBe(-ERRNO.EEXIST);
    expect(bench.device.translation.tables[0].entries).toEqual([]);
  });
});

describe('configuration space', () => {
  it('moves the generation with every change and calls back after it', () => {
    const bench = new BlkBench().start();
    const { device } = bench;
    const seen: number[] = [];
    const read = (): number => {
      const bytes = new Uint8Array(8);
      device.getConfig(0, bytes);
      return bytes[1];
    };
    device.setConfigCb({ callback: () => seen.push(read()) });
    const generation = device.getGeneration();
    bench.instance.backend.changeConfig!(0, Uint8Array.of(0, 0x10));
    expect([seen, device.getGeneration() - generation, bench.read(4095), bench.read(4096)]).toEqual([
      [0x10],
      1,
      [0],
      'status 1',
    ]);
    device.setConfig(0, Uint8Array.of(9, 9, 9));
    expect(device.getGeneration() - generation).toBe(1);
  });

  it('is not read beyond its end', () => {
    const { device } = new BlkBench();
    const buf = new Uint8Array(8).fill(0xee);
    device.getConfig(56, buf);
    expect([...buf]).toEqual([1, 0, 0, 0, 0xee, 0xee, 0xee, 0xee]);
    for (const offset of [60, -1, 2 ** 32, Number.NaN]) device.getConfig(offset, buf);
    expect(buf[0]).toBe(1);
  });

  it('reports an error of its own once', () => {
    const bench = new BlkBench().start();
    const seen: number[] = [];
    bench.device.setConfigCb({ callback: () => seen.push(bench.device.getStatus()) });
    bench.instance.backend.fail!();
    bench.instance.backend.fail!();
    expect(seen).toEqual([15 | 64]);
    expect(bench.write(0, 1)).toBe(0xff);
  });
});

describe('variants', () => {
  const formats = [false, true] as const;
  const names = [
    'polling',
    'eager',
    'strict',
    'lax',
    'async-reset',
    'coalesce',
    'chatty',
    'out-of-order',
    'batching',
    'quiet-len',
  ];
  const all = F_EVENT_IDX | F_IN_ORDER | F_INDIRECT_DESC | F_NOTIFICATION_DATA;

  it.each(
    names.flatMap((name) =>
      formats.flatMap((packed) => [0n, F_IN_ORDER, all].map((features) => [name, packed, features] as const)),
    ),
  )('%s serves every request (packed: %s, features %s)', (variant, packed, features) => {
    const bench = new BlkBench({ variant }).start({ packed, features, num: 16 });
    for (let i = 0; i < 30; i++) {
      queueTwo(bench);
      bench.kick();
      bench.pump();
      const pair = [bench.ring.poll(), bench.ring.poll()];
      expect(pair.map((buffer) => buffer?.fault)).toEqual([undefined, undefined]);
      expect(pair.every((buffer) => buffer?.known)).toBe(true);
    }
    expect([bench.read(1), bench.read(2), bench.device.getStatus()]).toEqual([[1], [2], 15]);
    expect(bench.interrupts).toBeGreaterThan(0);
    bench.device.reset();
    for (let reads = 0; bench.device.getStatus() !== 0; reads++) expect(reads).toBeLessThan(4);
    expect(bench.start({ packed }).read(2)).toEqual([2]);
  });

  it('eager completes inside the write of DRIVER_OK', () => {
    const bench = new BlkBench({ variant: 'eager' });
    bench.map();
    bench.negotiate(BASELINE);
    bench.setupQueue(8, BASELINE);
    queueTwo(bench);
    bench.device.setStatus(15);
    expect(used(bench)).toBe(2);
  });

  it('coalesce and batching notify once per pump; batching writes one entry', () => {
    for (const variant of ['coalesce', 'batching']) {
      const bench = new BlkBench({ variant }).start({ features: F_IN_ORDER });
      queueTwo(bench);
      bench.kick();
      bench.pump();
      expect(bench.interrupts).toBe(1);
      expect(bench.ring.poll()?.len).toBe(variant === 'batching' ? undefined : 1);
    }
  });

  it('out-of-order returns the last buffer first', () => {
    const bench = new BlkBench({ variant: 'out-of-order' }).start();
    queueTwo(bench);
    bench.kick();
    bench.pump();
    const ids = [bench.ring.poll()!.id, bench.ring.poll()!.id];
    expect(ids[0]).toBeGreaterThan(ids[1]);
  });

  it('lax gives a looping chain back, strict and the default need a reset', () => {
    const outcome = (variant?: string): unknown[] => {
      const bench = new BlkBench(variant === undefined ? {} : { variant }).start({ num: 4 });
      const { view } = bench.memory;
      const { desc } = bench.ring.config;
      bench.ring.add([{ iova: IOVA_BASE, len: 16, write: false }]);
      view.setUint16(desc.pa + 12, 1, true); // NEXT to itself
      view.setUint16(desc.pa + 14, 0, true);
      bench.ring.publish();
      bench.kick();
      bench.pump();
      return [bench.ring.poll()?.len, bench.device.getStatus()];
    };
    expect(outcome('lax')).toEqual([0, 15]);
    expect(outcome('strict')).toEqual([undefined, 79]);
    expect(outcome()).toEqual([undefined, 79]);
  });
});
