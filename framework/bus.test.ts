import { describe, expect, it } from 'vitest';
import { PARENTS } from '../devices/registry.ts';
import { BusError, VdpaBus, type VdpaBusDriver } from './bus.ts';
import type { VdpaConfigOps, VdpaDevice } from './device.ts';
import { HostMemory } from './memory/host-memory.ts';
import { virtioVdpa } from './virtio-vdpa/device.ts';

/** A simulated disk whose properties and ops can be replaced. */
function device(
  over: Partial<VdpaDevice> = {},
  ops: Partial<Record<keyof VdpaConfigOps, unknown>> = {},
): VdpaDevice {
  const { device } = PARENTS.get('simulator-blk')!.create({
    port: new HostMemory(4096).port(),
    seed: 1,
    options: {},
  });
  const all = new Proxy(device.ops, {
    get: (target, op) => (op in ops ? ops[op as keyof VdpaConfigOps] : Reflect.get(target, op, target)),
  });
  return { name: 'vdpa0', nvqs: 1, ngroups: 1, nas: 1, ops: all, ...over };
}

/** A bus driver that notes what happens to it. */
function note(log: string[]): VdpaBusDriver<string> {
  return {
    name: 'note',
    probe: ({ name }) => {
      log.push(`probe ${name}`);
      return `bound ${name}`;
    },
    remove: ({ name }, bound) => log.push(`remove ${name}, ${bound}`),
  };
}

/** The code of the BusError that `action` throws. */
function refused(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof BusError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('registration', () => {
  it('takes well-formed devices, each name once, and lists them in order', () => {
    const bus = new VdpaBus();
    bus.register(device());
    bus.register(device({ name: 'vdpa1' }));
    expect(refused(() => bus.register(device()))).toBe('EEXIST');
    expect(bus.devices().map(({ name }) => name)).toEqual(['vdpa0', 'vdpa1']);
    bus.unregister('vdpa0');
    bus.register(device());
    expect(bus.devices().map(({ name }) => name)).toEqual(['vdpa1', 'vdpa0']);
    expect(refused(() => bus.unregister('vdpa7'))).toBe('ENODEV');
  });

  const noMaps = { dmaMap: undefined, dmaUnmap: undefined, setMap: undefined };
  it.each<[string, VdpaDevice, RegExp]>([
    ['a missing op', device({}, { kickVq: undefined }), /op kickVq is missing/],
    ['dmaMap alone', device({}, { dmaUnmap: undefined }), /come together/],
    ['several groups without mapping', device({ ngroups: 2 }, noMaps), /several groups/],
    ['several spaces without mapping', device({ nas: 2 }, noMaps), /several groups/],
    ['virtual addresses without mapping', device({ useVa: true }, noMaps), /useVa/],
    ['no queue', device({ nvqs: 0 }), /nvqs/],
    ['half a queue', device({ nvqs: 1.5 }), /nvqs/],
    ['no ops', { ...device(), ops: undefined as never }, /no ops/],
    ['nothing', undefined as never, /no ops/],
  ])('refuses %s', (_, bad, message) => {
    const bus = new VdpaBus();
    expect(refused(() => bus.register(bad))).toBe('EINVAL');
    expect(() => bus.register(bad)).toThrow(message);
    expect(bus.devices()).toEqual([]);
  });

  it('accepts a device without mapping ops as long as it has one space', () => {
    expect(refused(() => new VdpaBus().register(device({}, noMaps)))).toBe('accepted');
  });
});

describe('binding', () => {
  it('probes, refuses a second driver, and lets go', () => {
    const bus = new VdpaBus();
    const log: string[] = [];
    const driver = note(log);
    bus.autoprobe = false;
    bus.addDriver(driver);
    expect(refused(() => bus.addDriver(note([])))).toBe('EEXIST');
    bus.register(device());
    expect(bus.bind('vdpa0', driver)).toBe('bound vdpa0');
    expect(refused(() => bus.bind('vdpa0', virtioVdpa))).toBe('EBUSY');
    expect(refused(() => bus.bind('vdpa1', driver))).toBe('ENODEV');
    bus.unbind('vdpa0');
    bus.unbind('vdpa0');
    bus.bind('vdpa0', driver);
    bus.unregister('vdpa0');
    expect(log).toEqual([
      'probe vdpa0',
      'remove vdpa0, bound vdpa0',
      'probe vdpa0',
      'remove vdpa0, bound vdpa0',
    ]);
  });

  it('keeps to driverOverride', () => {
    const bus = new VdpaBus();
    bus.register(device());
    bus.driverOverride('vdpa0', 'vhost-vdpa');
    expect(refused(() => bus.bind('vdpa0', virtioVdpa))).toBe('ENODEV');
    bus.driverOverride('vdpa0', null);
    expect(bus.bind('vdpa0', virtioVdpa).vdpa.name).toBe('vdpa0');
    expect(refused(() => bus.driverOverride('vdpa1', null))).toBe('ENODEV');
  });

  it('refuses a device with impossible queue sizes, and stays unbound when a probe fails', () => {
    const bus = new VdpaBus();
    bus.register(device({}, { getVqNumMin: () => 64, getVqNumMax: () => 32 }));
    expect(refused(() => bus.bind('vdpa0', virtioVdpa))).toBe('EINVAL');
    bus.register(device({ name: 'vdpa1' }));
    const choosy: VdpaBusDriver = {
      name: 'choosy',
      probe: () => {
        throw new BusError('EOPNOTSUPP', 'not this one');
      },
    };
    expect(refused(() => bus.bind('vdpa1', choosy))).toBe('EOPNOTSUPP');
    expect(bus.bind('vdpa1', note([]))).toBe('bound vdpa1');
  });

  it('resets a device that virtio-vdpa lets go of', () => {
    const bus = new VdpaBus();
    bus.register(device());
    const virtio = bus.bind('vdpa0', virtioVdpa);
    virtio.addStatus(3);
    bus.unbind('vdpa0');
    expect(virtio.ops.getStatus()).toBe(0);
  });
});
