import { describe, expect, it } from 'vitest';
import { HostMemory } from '../../framework/memory/host-memory.ts';
import { NO_VECTOR } from '../../framework/transport/transport.ts';
import { BlkDevice } from '../simulator/blk/blk-device.ts';
import { blkProfile } from '../simulator/blk/profile.ts';
import { accesses, planAccesses } from './driver/config-accesses.ts';
import { DeadDevice } from './driver/dead-device.ts';
import { VirtioMmioDevice } from './driver/mmio-device.ts';
import { VirtioPciDevice } from './driver/pci-device.ts';
import { MmioFunction } from './function/mmio-function.ts';
import { PciFunction } from './function/pci-function.ts';
import { PCI_SHAPES } from './function/shape.ts';
import { probe } from './parents.ts';

const sim = () => new BlkDevice(blkProfile({}), new HostMemory(1 << 16).port());
const plan = () => ({ mode: 'msix' as const, queues: new Map<number, number>() });

describe('the driver for PCI functions', () => {
  it.each(PCI_SHAPES.map(({ name }) => name))('takes over a function that looks %s', (name) => {
    const fn = new PciFunction(sim(), PCI_SHAPES.find((row) => row.name === name)!);
    const device = new VirtioPciDevice(fn, plan());
    expect(device.getDeviceId()).toBe(2);
    expect(device.nvqs).toBe(1);
    expect(device.getVqNumMax()).toBe(256);
    const capacity = new Uint8Array(8);
    device.getConfig(0, capacity);
    expect([...capacity]).toEqual([0, 32, 0, 0, 0, 0, 0, 0]);
  });

  it('leaves a stand-in where there is no common configuration', () => {
    const fn = new PciFunction(sim(), PCI_SHAPES[0]);
    fn.space.put(fn.capabilityAt.common + 3, 1, 9);
    const device = probe(() => new VirtioPciDevice(fn, plan()));
    expect(device).toBeInstanceOf(DeadDevice);
    expect((device as DeadDevice).problem).toContain('common configuration');
    expect(device.ops.getStatus()).toBe(0);
  });

  it('maps vectors before it enables a queue, and as the plan says', () => {
    const fn = new PciFunction(sim(), PCI_SHAPES[0]);
    const own = plan();
    const device = new VirtioPciDevice(fn, own);
    expect(fn.vectors).toEqual({ config: NO_VECTOR, queues: [NO_VECTOR] });
    const seen: number[] = [];
    const { enable } = fn.core;
    fn.core.enable = (idx, on) => {
      seen.push(fn.vectors.queues[idx]);
      enable.call(fn.core, idx, on);
    };
    device.setVqReady(0, true);
    own.queues.set(0, 0);
    device.reset();
    device.setVqReady(0, true);
    expect(seen).toEqual([1, 0]);
  });
});

describe('the driver for virtio-mmio', () => {
  it('finds queues and the end of the configuration by itself', () => {
    const device = new VirtioMmioDevice(new MmioFunction(sim()), { mode: 'line' });
    expect(device.nvqs).toBe(1);
    expect(device.getConfigSize()).toBe(sim().getConfigSize());
  });

  it('forgets queue addresses at a reset, also where the registers keep them', () => {
    const fn = new MmioFunction(sim());
    const device = new VirtioMmioDevice(fn, { mode: 'line' });
    device.setVqAddress(0, 0x1000, 0x2000, 0x3000);
    device.setVqReady(0, true);
    const { forget } = fn.core;
    fn.core.forget = () => {
      const [{ areas }] = fn.core.queues;
      forget.call(fn.core);
      fn.core.queues[0].areas = areas;
    };
    device.reset();
    expect(fn.core.queues[0].areas[0]).toEqual([0x1000, 0]);
    device.setVqReady(0, true);
    expect(fn.core.queues[0].areas.flat()).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('acknowledges nothing on a line that is up for nothing', () => {
    const fn = new MmioFunction(sim());
    const acknowledged: number[] = [];
    fn.acknowledge = (bits) => void acknowledged.push(bits);
    new VirtioMmioDevice(fn, { mode: 'line' });
    fn.onLine?.();
    fn.interruptStatus = 1;
    fn.onLine?.();
    expect(acknowledged).toEqual([1]);
  });

  it('does not touch a placeholder', () => {
    const fn = new MmioFunction(sim());
    fn.registers.named('DeviceID').read = () => 0;
    const device = probe(() => new VirtioMmioDevice(fn, { mode: 'line' }));
    expect((device as DeadDevice).problem).toContain('placeholder');
  });
});

describe('the PCI function', () => {
  it('keeps the event of a masked entry, and sends it once', () => {
    const fn = new PciFunction(sim(), PCI_SHAPES[0]);
    fn.writeConfig(fn.msixAt + 2, 2, 0x8000);
    const { address, data } = fn.message(1);
    fn.writeBar(1, 16, 4, address);
    fn.writeBar(1, 24, 4, data);
    fn.msix.signal(1);
    fn.msix.signal(1);
    expect(fn.takeMessages(1)).toBe(0);
    expect(fn.readBar(1, 0x1000, 4)).toBe(2);
    fn.writeBar(1, 28, 4, 0);
    expect(fn.takeMessages(1)).toBe(1);
    expect(fn.readBar(1, 0x1000, 4)).toBe(0);
  });

  it('shows another generation after any number of changes, and the same after none', () => {
    const fn = new PciFunction(sim(), PCI_SHAPES[0]);
    const generation = fn.common.named('config_generation');
    for (const changes of [1, 255, 256, 512]) {
      fn.deviceConfig.read(0, 4);
      const before = generation.read();
      expect(generation.read()).toBe(before);
      for (let i = 0; i < changes; i++) fn.core.sim.config.bump();
      expect(generation.read()).not.toBe(before);
    }
  });
});

describe('configuration accesses', () => {
  it('have the width of the field, halves of 64-bit ones, and bytes where a field is cut', () => {
    const blk = planAccesses('blk', 36);
    expect([...accesses(blk, 0, 12)]).toEqual([
      [0, 4],
      [4, 4],
      [8, 4],
    ]);
    expect([...accesses(blk, 2, 2)]).toEqual([
      [2, 1],
      [3, 1],
    ]);
    expect([...accesses(planAccesses('net', 12), 4, 4)]).toEqual([
      [4, 1],
      [5, 1],
      [6, 2],
    ]);
  });
});
