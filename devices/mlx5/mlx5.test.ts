import { describe, expect, it } from 'vitest';
import { VdpaBus } from '../../framework/bus.ts';
import { ERRNO, initialVqState, PERM } from '../../framework/device.ts';
import { GuestMemory } from '../../framework/memory/guest-memory.ts';
import { virtioVdpa } from '../../framework/virtio-vdpa/device.ts';
import { NetDriver } from '../../framework/virtio-vdpa/net-driver.ts';
import { type Mlx5Instance, mlx5Net } from './parents.ts';
import { OPCODE } from './prm/commands.ts';
import { getField } from './prm/fields.ts';

/** A function with its parent driver on a bus, and a network driver on top. */
function bench(options: Record<string, string> = {}, { pairs = 1, queueSize = 16 } = {}) {
  const memory = new GuestMemory(4 << 20);
  const instance = mlx5Net.create({ port: memory.host.port(), seed: 1, options }) as Mlx5Instance;
  const bus = new VdpaBus();
  bus.register(instance.device);
  const virtio = bus.bind(instance.device.name, virtioVdpa);
  const driver = new NetDriver(virtio, {
    memory,
    pump: (budget) => instance.pump!(budget),
    pairs,
    queueSize,
  });
  const { device, function: below } = instance;
  return { memory, instance, device, below, driver, peer: instance.peer!, firmware: below.firmware };
}

/** Names of the commands that `act` gives. */
function commandsOf({ below }: { below: Mlx5Instance['function'] }, act: () => void): string[] {
  const names: string[] = [];
  const { execute } = below;
  const nameOf = new Map(Object.entries(OPCODE).map(([name, opcode]) => [opcode as number, name]));
  below.execute = (input, length) => {
    names.push(nameOf.get(getField(input, 0, [0, 31, 16]))!);
    return execute.call(below, input, length);
  };
  act();
  below.execute = execute;
  return names;
}

const frame = (n: number): Uint8Array => {
  const bytes = new Uint8Array(64).fill(n);
  bytes.set([0x52, 0x54, 0, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  return bytes;
};

describe('traffic', () => {
  it.each([{}, { events: 'msix' }, { resume: 'no' }, { 'ring-group': 'yes' }] as Record<string, string>[])(
    'goes both ways with %o',
    (options) => {
      const b = bench(options);
      for (let n = 0; n < 100; n++) {
        b.driver.send(frame(n));
        b.peer.send(frame(n));
        b.driver.drain();
        expect(b.peer.take().map(({ bytes }) => bytes[20])).toEqual([n]);
        expect(b.driver.receive().map(({ bytes }) => bytes[20])).toEqual([n]);
      }
    },
  );

  it('is counted by the counters of each queue', () => {
    const b = bench();
    expect(b.device.getVendorVqStats(1)).toEqual({ received_desc: 0, completed_desc: 0 });
    for (let n = 0; n < 5; n++) b.driver.send(frame(n));
    b.driver.drain();
    expect(b.device.getVendorVqStats(1)).toEqual({ received_desc: 5, completed_desc: 5 });
    expect(b.device.getVendorVqStats(b.device.controlIndex)).toEqual({ received_desc: 0, completed_desc: 0 });
    expect(b.device.getVendorVqStats(7)).toBe(-ERRNO.EINVAL);
    expect(b.device.getVendorVqStats(99)).toBe(-ERRNO.EINVAL);
    b.device.reset();
    expect(b.device.getVendorVqStats(1)).toBe(-ERRNO.EAGAIN);
  });

  it('spreads over the pairs that are in use, and no queue is lost when their number changes', () => {
    const b = bench({}, { pairs: 4 });
    for (const pairs of [4, 1, 3, 2, 4]) {
      b.driver.setPairs(pairs);
      expect(b.firmware.netQueues.size).toBeGreaterThanOrEqual(2 * pairs);
      for (let pair = 0; pair < pairs; pair++) b.driver.send(frame(pair), { queue: pair });
      b.driver.drain();
      expect(
        b.peer
          .take()
          .map(({ queue }) => queue!)
          .sort(),
      ).toEqual(Array.from({ length: pairs }, (_, i) => 2 * i + 1));
      const [table] = b.firmware.receiveTables.values();
      expect(new Set(table.queues.map(({ index }) => index)).size).toBe(pairs);
    }
  });

  it('follows a new address', () => {
    const b = bench();
    expect(b.device.command(Uint8Array.of(1, 1, 2, 0, 0, 0, 0, 9))).toBe(true);
    expect(b.device.command(Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 0))).toBe(false);
    const to = frame(7);
    to.set([2, 0, 0, 0, 0, 9]);
    b.peer.send(frame(6));
    b.peer.send(to);
    b.driver.drain();
    expect(b.driver.receive().map(({ bytes }) => bytes[20])).toEqual([7]);
  });
});

describe('set_map', () => {
  it.each(['yes', 'no'])('under traffic loses nothing and doubles nothing (resume=%s)', (resume) => {
    const b = bench({ resume });
    const table = [...b.device.spaces.tables[0].entries];
    for (let n = 0; n < 40; n++) {
      b.driver.send(frame(n));
      b.driver.send(frame(n + 100));
      b.peer.send(frame(n));
      b.instance.pump!(n % 4);
      const more = { iova: 2 ** 40 + n * 4096, size: 4096, addr: 0, perm: PERM.RO };
      expect(b.device.setMap(0, [...table, more])).toBe(0);
      b.driver.drain();
      expect(b.peer.take().map(({ bytes }) => bytes[20])).toEqual([n, n + 100]);
      expect(b.driver.receive().map(({ bytes }) => bytes[20])).toEqual([n]);
    }
    // a direct key for each run of the last table, and the indirect one
    expect(b.firmware.memoryKeys.keys.size).toBe(3);
  });

  it('suspends, modifies and resumes each queue where that can be', () => {
    const b = bench();
    const table = [...b.device.spaces.tables[0].entries];
    const names = commandsOf(b, () => b.device.setMap(0, table));
    expect(names.filter((name) => name === 'CREATE_MKEY').length).toBe(2);
    expect(names.filter((name) => name === 'MODIFY_GENERAL_OBJECT').length).toBe(6);
    expect(names.filter((name) => name === 'DESTROY_MKEY').length).toBe(2);
    expect(names).not.toContain('CREATE_GENERAL_OBJECT');
  });

  it('makes queues anew where they cannot run again', () => {
    const b = bench({ resume: 'no' });
    const names = commandsOf(b, () => b.device.setMap(0, [...b.device.spaces.tables[0].entries]));
    expect(names.filter((name) => name === 'DESTROY_GENERAL_OBJECT').length).toBe(4);
    expect(names.filter((name) => name === 'CREATE_GENERAL_OBJECT').length).toBe(4);
    expect(b.device.resume).toBeUndefined();
  });

  it('keeps the old table when the new one cannot be', () => {
    const b = bench();
    const table = [...b.device.spaces.tables[0].entries];
    const bad = [
      { iova: 0, size: 8192, addr: 0, perm: PERM.RW },
      { iova: 4096, size: 4096, addr: 0, perm: PERM.RW },
    ];
    expect(b.device.setMap(0, bad)).toBe(-ERRNO.EEXIST);
    expect(b.device.setMap(2, table)).toBe(-ERRNO.EINVAL);
    const many = Array.from({ length: 2049 }, (_, i) => ({
      iova: i * 8192,
      size: 4096,
      addr: 0,
      perm: PERM.RO,
    }));
    expect(b.device.setMap(0, many)).toBe(-ERRNO.ENOSPC);
    b.driver.send(frame(1));
    b.driver.drain();
    expect(b.peer.take().length).toBe(1);
  });

  it('keeps the old key when the firmware refuses the change', () => {
    const b = bench();
    const table = [...b.device.spaces.tables[0].entries];
    const keys = b.firmware.memoryKeys.keys.size;
    const { execute } = b.below;
    let refusals = 1;
    b.below.execute = (input, length) => {
      if (getField(input, 0, [0, 31, 16]) !== OPCODE.MODIFY_GENERAL_OBJECT || refusals-- <= 0)
        return execute.call(b.below, input, length);
      const answer = new Uint8Array(length);
      answer[0] = 9;
      return answer;
    };
    expect(b.device.setMap(0, table)).toBe(-ERRNO.EINVAL);
    b.below.execute = execute;
    expect(b.firmware.memoryKeys.keys.size).toBe(keys);
    b.driver.send(frame(1));
    b.driver.drain();
    expect(b.peer.take().length).toBe(1);
  });

  it('makes keys of any table: holes, permissions, odd sizes, more than a stretch', () => {
    const memory = new GuestMemory(1 << 20);
    const { device, function: below } = mlx5Net.create({
      port: memory.host.port(),
      seed: 1,
      options: {},
    }) as Mlx5Instance;
    const table = [
      { iova: 0x1000, size: 0x3000, addr: 0x7000, perm: PERM.RW },
      { iova: 0x4000, size: 0x1000, addr: 0x1000, perm: PERM.RW },
      { iova: 0x5000, size: 100, addr: 0x9000, perm: PERM.RW },
      { iova: 0x5064, size: 33, addr: 0x100, perm: PERM.RW },
      { iova: 0x6000, size: 0x1000, addr: 0x3000, perm: PERM.RO },
      { iova: 0x7000, size: 0x1000, addr: 0x4000, perm: PERM.WO },
      { iova: 2 ** 33, size: 3 * 2 ** 30, addr: 2 ** 34, perm: PERM.RW },
    ];
    expect(device.setMap(0, table)).toBe(0);
    const key = below.firmware.memoryKeys.keys.find(device.spaces.regions[0]!.key / 0x100)!;
    expect(key.entries).toEqual(table);
    device.free();
  });
});

describe('suspend', () => {
  it.each(['yes', 'no'])('saves where another device goes on (resume=%s)', (resume) => {
    const first = bench({ resume });
    for (let n = 0; n < 7; n++) first.driver.send(frame(n));
    first.driver.drain();
    first.driver.send(frame(70));
    expect(first.device.suspend()).toBe(0);
    const positions = [0, 1].map((idx) => {
      const state = initialVqState();
      expect(first.device.getVqState(idx, state)).toBe(0);
      return state;
    });
    expect(positions.map(({ split }) => split.availIndex)).toEqual([0, 7]);

    const { memory, device: old } = first;
    const second = mlx5Net.create({ port: memory.host.port(), seed: 2, options: { resume } }) as Mlx5Instance;
    const { device } = second;
    device.setStatus(3);
    device.setDriverFeatures(old.driverFeatures);
    device.setStatus(11);
    expect(device.setMap(0, old.spaces.tables[0].entries)).toBe(0);
    for (const idx of [0, 1]) {
      device.setVqNum(idx, old.queues[idx].num);
      device.setVqAddress(idx, ...old.queues[idx].areas!);
      expect(device.setVqState(idx, positions[idx])).toBe(0);
      device.setVqReady(idx, true);
    }
    device.setStatus(15);
    expect(device.getStatus()).toBe(15);
    second.pump!(100);
    expect(second.peer!.take().map(({ bytes }) => bytes[20])).toEqual([70]);
    expect(device.setVqState(1, initialVqState())).toBe(-ERRNO.EINVAL);
    const state = initialVqState();
    expect(device.getVqState(1, state)).toBe(0);
    expect(state.split.availIndex).toBe(8);
  });

  it('and resume leave the position of every queue alone', () => {
    const b = bench();
    for (let n = 0; n < 20; n++) {
      b.driver.send(frame(n));
      b.peer.send(frame(n));
      if (n % 2) b.instance.pump!(1);
      expect(b.device.suspend()).toBe(0);
      b.instance.pump!(10);
      expect(b.device.resume!()).toBe(0);
      b.driver.drain();
      expect(b.peer.take().map(({ bytes }) => bytes[20])).toEqual([n]);
      expect(b.driver.receive().map(({ bytes }) => bytes[20])).toEqual([n]);
    }
  });
});

describe('errors', () => {
  it('of a queue object lead to a reset, after which the device works again', () => {
    const b = bench();
    let told = 0;
    b.device.setConfigCb({ callback: () => told++ });
    b.below.engine.queueFailed(b.below.engine.queues[1]);
    expect(b.device.getStatus() & 64).toBe(64);
    expect(told).toBe(1);
    expect([...b.firmware.netQueues.values()].map(({ state }) => state).sort()).toEqual([2, 3]);
    expect(b.device.reset()).toBe(0);
    expect(b.device.getStatus()).toBe(0);
    expect(b.firmware.netQueues.size).toBe(0);
  });

  it('leave no objects: everything is released with the device', () => {
    const b = bench({}, { pairs: 2 });
    b.driver.setPairs(2);
    b.device.free();
    const { firmware } = b;
    for (const table of [
      firmware.users,
      firmware.protectionDomains,
      firmware.transportDomains,
      firmware.uars,
      firmware.umems,
      firmware.memoryKeys.keys,
      firmware.completionQueues,
      firmware.queuePairs,
      firmware.netQueues,
      firmware.counterSets,
      firmware.tis,
      firmware.receiveTables,
      firmware.receiveInterfaces,
      firmware.flowTables,
      firmware.flowGroups,
    ])
      expect(table.size).toBe(0);
    expect(firmware.l2Table.size).toBe(0);
  });
});

describe('signs of the device', () => {
  it('are those of a ConnectX function', () => {
    const { device } = bench({ mtu: '9000', 'max-pairs': '3' });
    expect(device.getVendorId()).toBe(0x15b3);
    expect(device.getVqNumMax()).toBe(256);
    expect(device.nvqs).toBe(7);
    expect(device.getVqGroup(device.controlIndex)).toBe(1);
    expect(device.getVqNotification(0)).toEqual({ addr: 0xf010_0000, size: 4096 });
    expect(device.getVqNotification(1)).toEqual(device.getVqNotification(0));
    expect(device.getVqNotification(device.controlIndex)).toEqual({ addr: 0, size: 0 });
    const config = new Uint8Array(24);
    device.getConfig(0, config);
    expect([...config.subarray(6, 12)]).toEqual([1, 0, 3, 0, 0x28, 0x23]);
    expect(device.getVqIrq).toBeUndefined();
    const vectors = bench({ events: 'msix' }).device;
    expect(vectors.getVqIrq!(1)).toBe(1);
    expect(vectors.getVqIrq!(vectors.controlIndex)).toBe(-ERRNO.EOPNOTSUPP);
  });
});
