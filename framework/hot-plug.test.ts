import { describe, expect, it } from 'vitest';
import { PARENTS } from '../devices/registry.ts';
import { BusError, VdpaBus, type VdpaBusDriver } from './bus.ts';
import { GuestMemory } from './memory/guest-memory.ts';
import { VhostVdpaDriver, type VhostVdpaNode } from './vhost-vdpa/node.ts';
import { openDevice } from './vhost-vdpa/open-device.ts';
import type { OpenFile } from './vhost-vdpa/open-file.ts';
import { processWith, UserProcess } from './vhost-vdpa/process.ts';
import { BlkDriver } from './virtio-vdpa/blk-driver.ts';
import { type VirtioVdpaDevice, virtioVdpa } from './virtio-vdpa/device.ts';

/** A simulated disk called `name`, on memory of its own. */
function disk(name = 'vdpa0') {
  const memory = new GuestMemory(1 << 20);
  const port = memory.host.port();
  const stores = { count: 0 };
  port.trace({ wrote: () => stores.count++, read() {}, fault() {}, traceReads: false });
  const instance = PARENTS.get('simulator-blk')!.create({ port, seed: 1, options: {} });
  const { nvqs, ngroups, nas, ops } = instance.device;
  return { memory, instance, stores, device: { name, nvqs, ngroups, nas, ops } };
}

const code = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof BusError) return error.code;
    throw error;
  }
  return 'done';
};

/** A bus driver that takes what `wants` says, and notes it. */
function picky(name: string, log: string[], wants: (device: string) => boolean = () => true): VdpaBusDriver {
  return {
    name,
    probe: (device) => {
      log.push(`${name} probes ${device.name}`);
      if (!wants(device.name)) throw new BusError('EINVAL', 'not this one');
      return name;
    },
    remove: (device) => {
      log.push(`${name} leaves ${device.name}`);
    },
  };
}

describe('matching', () => {
  it('tries drivers in the order in which they came, for devices that come and for drivers that come', () => {
    const bus = new VdpaBus();
    const log: string[] = [];
    bus.addDriver(picky('first', log, (name) => name === 'vdpa1'));
    bus.addDriver(picky('second', log));
    bus.register(disk('vdpa0').device);
    bus.register(disk('vdpa1').device);
    expect([bus.driverOf('vdpa0'), bus.driverOf('vdpa1')]).toEqual(['second', 'first']);
    expect(log).toEqual(['first probes vdpa0', 'second probes vdpa0', 'first probes vdpa1']);
    bus.removeDriver('first');
    expect([bus.driverOf('vdpa1'), log.at(-1)]).toEqual([null, 'first leaves vdpa1']);
    bus.addDriver(picky('third', log));
    expect([bus.driverOf('vdpa0'), bus.driverOf('vdpa1')]).toEqual(['second', 'third']);
    expect(code(() => bus.removeDriver('first'))).toBe('ENODEV');
  });

  it('driver_override decides at the next binding, and leaves the present one', () => {
    const bus = new VdpaBus();
    const log: string[] = [];
    const second = picky('second', log);
    bus.addDriver(picky('first', log));
    bus.addDriver(second);
    bus.register(disk().device);
    bus.driverOverride('vdpa0', 'second');
    expect(bus.driverOf('vdpa0')).toBe('first');
    bus.unbind('vdpa0');
    expect(bus.reprobe('vdpa0')).toBe(true);
    expect(bus.driverOf('vdpa0')).toBe('second');
    bus.unbind('vdpa0');
    bus.driverOverride('vdpa0', 'nobody');
    expect(bus.reprobe('vdpa0')).toBe(false);
    expect(code(() => bus.bind('vdpa0', second))).toBe('ENODEV');
    bus.driverOverride('vdpa0', null);
    expect(bus.reprobe('vdpa0')).toBe(true);
    expect(bus.driverOf('vdpa0')).toBe('first');
    expect(code(() => bus.bind('vdpa0', second))).toBe('EBUSY');
  });

  it('can be left to whoever binds by hand', () => {
    const bus = new VdpaBus();
    bus.autoprobe = false;
    const driver = picky('first', []);
    bus.register(disk().device);
    bus.addDriver(driver);
    expect(bus.driverOf('vdpa0')).toBe(null);
    bus.bind('vdpa0', driver);
    expect(bus.boundTo('vdpa0')).toBe('first');
  });
});

describe('nodes', () => {
  it('take the lowest free number', () => {
    const bus = new VdpaBus();
    const vhost = new VhostVdpaDriver();
    bus.addDriver(vhost);
    for (const name of ['a', 'b', 'c']) bus.register(disk(name).device);
    expect(vhost.nodes.map(({ path }) => path)).toEqual([0, 1, 2].map((n) => `/dev/vhost-vdpa-${n}`));
    bus.unregister('b');
    bus.register(disk('d').device);
    expect((bus.boundTo('d') as VhostVdpaNode).minor).toBe(1);
  });

  it('refuse several spaces without means to map', () => {
    const { device } = disk();
    const ops = new Proxy(device.ops, {
      get: (target, op) =>
        /^(dmaMap|dmaUnmap|setMap)$/.test(String(op)) ? undefined : Reflect.get(target, op),
    });
    expect(code(() => new VhostVdpaDriver().probe({ ...device, nas: 2, ops }))).toBe('EOPNOTSUPP');
  });

  it('that are open keep the device: it goes when they are closed', () => {
    const bus = new VdpaBus();
    const vhost = new VhostVdpaDriver();
    bus.addDriver(vhost);
    const { device } = disk();
    bus.register(device);
    const node = bus.boundTo('vdpa0') as VhostVdpaNode;
    const file = node.open(new UserProcess()) as OpenFile;
    let gone = 0;
    bus.unregister('vdpa0', () => gone++);
    expect([gone, bus.devices().length, vhost.nodes.length]).toEqual([0, 0, 1]);
    expect(code(() => bus.register(device))).toBe('EEXIST');
    expect(code(() => bus.unbind('vdpa0'))).toBe('ENODEV');
    expect(node.open(new UserProcess())).toBe(-2);
    file.close();
    expect([gone, vhost.nodes.length]).toEqual([1, 0]);
    expect(code(() => bus.register(device))).toBe('done');
    expect(bus.driverOf('vdpa0')).toBe('vhost-vdpa');
  });

  it('an unbinding waits as well, and nobody else gets the device meanwhile', () => {
    const bus = new VdpaBus();
    const vhost = new VhostVdpaDriver();
    bus.register(disk().device);
    const file = bus.bind('vdpa0', vhost).open(new UserProcess()) as OpenFile;
    bus.unbind('vdpa0');
    expect(code(() => bus.unbind('vdpa0'))).toBe('EBUSY');
    expect(code(() => bus.bind('vdpa0', virtioVdpa))).toBe('EBUSY');
    file.close();
    expect(code(() => bus.bind('vdpa0', virtioVdpa))).toBe('done');
  });
});

describe('removal with requests in flight', () => {
  it.each(['virtio-vdpa', 'vhost-vdpa'])('through %s nothing is touched any more', (name) => {
    const bus = new VdpaBus();
    const { memory, instance, device, stores } = disk();
    bus.register(device);
    const vhost = new VhostVdpaDriver();
    const bound =
      name === 'virtio-vdpa'
        ? bus.bind('vdpa0', virtioVdpa)
        : openDevice(bus.bind('vdpa0', vhost), processWith(memory));
    let removing = false;
    let gone = false;
    const remove = () => {
      bus.unregister('vdpa0', () => {
        gone = true;
      });
      if (name === 'virtio-vdpa') return;
      // The process has the node open: the device stays until it lets go.
      expect(gone).toBe(false);
      vhost.nodes[0].file!.close();
    };
    const pump = (budget: number) => {
      if (!removing) return instance.pump!(budget);
      removing = false;
      remove();
      return 0;
    };
    const driver = new BlkDriver(bound, { memory, pump });
    driver.write(0, new Uint8Array(512).fill(7));
    expect(driver.read(0, 1).every((byte) => byte === 7)).toBe(true);
    // The requests are in the ring and the queue is kicked when the device goes.
    removing = true;
    expect(() => driver.read(0, 64)).toThrow(
      name === 'virtio-vdpa' ? /idle with \d+ buffers/ : /refuses GET_STATUS/,
    );
    expect(gone).toBe(true);
    const { count } = stores;
    while (instance.pump!(1000) > 0);
    expect(stores.count).toBe(count);
    // The same device can be added again and works.
    const again = disk('vdpa0');
    bus.register(again.device);
    const next = new BlkDriver(bus.bind('vdpa0', virtioVdpa) as VirtioVdpaDevice, {
      memory: again.memory,
      pump: (budget) => again.instance.pump!(budget),
    });
    expect(next.read(0, 1)).toHaveLength(512);
  });
});
