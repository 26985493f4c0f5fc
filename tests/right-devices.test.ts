import { describe, expect, it } from 'vitest';
import { openCatalogue } from '../conformance/commands/catalogue.ts';
import { instancesOf } from '../conformance/loader/expand.ts';
import { deviceFacts } from '../conformance/runner/device-facts.ts';
import { runInstance } from '../conformance/runner/run-instance.ts';
import { resolveTarget } from '../conformance/runner/targets.ts';
import { DEFAULT_TARGETS, PARENTS } from '../devices/registry.ts';
import { VARIANT_NAMES } from '../devices/simulator/variants.ts';
import { PCI_SHAPES } from '../devices/virtio-pci/function/shape.ts';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import { benchOf } from '../fuzz/bench-target.ts';
import { execute } from '../fuzz/execute.ts';
import { numbered } from '../fuzz/sequence.ts';
import { step } from '../fuzz/strategy.ts';
import { parentSource } from '../parents.ts';

const { cases } = openCatalogue(undefined);
const guest = new GuestMemory(8 << 20);
const SIMULATORS = [...PARENTS.keys()].filter((name) => name.startsWith('simulator-'));
/** Devices behind registers, in every shape. */
const TRANSPORTS = [
  ...PCI_SHAPES.map(({ name }) => `virtio-pci-blk:shape=${name}`),
  'virtio-pci-blk:variant=async-reset',
  'virtio-pci-net',
  'virtio-pci-net:interrupts=intx,shape=shared-offset',
  'virtio-mmio-blk',
  'virtio-mmio-net:variant=async-reset',
  'ifcvf-net',
  'ifcvf-net:vectors=2,ring-state=dense',
  'ifcvf-blk',
  'ifcvf-blk:vectors=1',
  'mlx5-net:resume=no,events=msix,max-pairs=3',
  'vduse-blk:daemon=eager',
  'vduse-net:daemon=hesitates',
];
const HARMLESS = new Set(['pass', 'warn', 'skip']);

/** Run the catalogue, at most `most` instances of a case. Returns how many passed, and what is wrong. */
async function runAll(spec: string, most = Number.POSITIVE_INFINITY) {
  const target = await resolveTarget(spec, parentSource);
  const facts = deviceFacts(target.definition, target.options);
  let passed = 0;
  const red: string[] = [];
  for (const definition of cases) {
    let count = 0;
    for (const instance of instancesOf(definition, facts.values)) {
      const { verdict, findings, reason } = runInstance(instance, target, facts, guest);
      if (verdict === 'pass') passed++;
      if (!HARMLESS.has(verdict)) {
        const [first] = findings;
        red.push(
          `${instance.id}: ${verdict} ${reason ?? `${first.requirement}: ${first.expected}; ${first.actual}`}`,
        );
      }
      if (verdict !== 'skip' && ++count >= most) break;
    }
  }
  return { passed, red };
}

describe('the catalogue', () => {
  it.each(DEFAULT_TARGETS)('is green on %s', { timeout: 300_000 }, async (spec) => {
    const { passed, red } = await runAll(spec);
    expect(red).toEqual([]);
    // A target that is there for one ability has the cases of that ability only.
    expect(passed).toBeGreaterThan(spec.startsWith('management') ? 50 : 1000);
  });

  it.each([
    ...SIMULATORS.flatMap((parent) => VARIANT_NAMES.map((name) => `${parent}:variant=${name}`)),
    ...TRANSPORTS,
  ])('is green on %s, right but unusual', { timeout: 300_000 }, async (spec) => {
    const { passed, red } = await runAll(spec, 2);
    expect(red).toEqual([]);
    expect(passed).toBeGreaterThan(300);
  });
});

describe('the fuzzer', () => {
  it.each([
    {
      why: 'DRIVER_OK in one write with FEATURES_OK, which was refused',
      target: 'simulator-blk',
      steps: [
        step('queues', { 'set-up': { size: 2 } }),
        step('status', { write: 79 }),
        step('request', { dir: 'in', size: 512, seed: 1, as: 'r0', kick: 'obey' }),
        step('settle'),
      ],
    },
    {
      why: 'DRIVER_OK added to a status that is not ready for it',
      target: 'simulator-net',
      steps: [
        step('queues', { 'set-up': { size: 8 } }),
        step('status', { set: 4 }),
        step('request', { dir: 'out', size: 140, seed: 2 }),
        step('settle'),
      ],
    },
    {
      why: 'a queue that is disabled and goes on from where its driver is not',
      target: 'vduse-blk',
      steps: [
        step('bring-up', { to: 'DRIVER_OK', features: ['blk.FLUSH'] }),
        step('queue', { ready: false }),
        step('vq-state', { set: { index: 30634 }, error: 'any' }),
        step('queue', { ready: true }),
        step('blk', { op: 'in', sector: 320, sectors: 3, expect: { status: 'model' } }),
        step('settle'),
      ],
    },
    {
      why: 'queues set up before the ring format changes, whose sizes no longer tell the largest',
      target: 'virtio-pci-blk',
      steps: [
        step('queues', { 'set-up': { size: 8 } }),
        step('features', { write: { bits: [33, 34], baseline: false } }),
        step('queues', { 'set-up': { size: 8 } }),
        step('bring-up', { to: 'FEATURES_OK', features: ['RING_PACKED'], size: 1 }),
        step('limits', { 'queue-size': true }),
      ],
    },
    {
      why: 'features written too late, which allow what those in force do not',
      target: 'virtio-pci-blk',
      steps: [
        step('bring-up', { to: 'DRIVER_OK', features: ['blk.FLUSH'] }),
        step('features', { write: { bits: [9, 28, 33], baseline: false } }),
        step('blk', {
          op: 'out',
          sector: 8191,
          sectors: 1,
          pattern: 1,
          indirect: true,
          expect: { status: 'model' },
        }),
      ],
    },
    {
      why: 'a packed queue that is made ready without a size, and not ready again',
      target: 'ifcvf-blk',
      steps: [
        step('bring-up', { to: 'FEATURES_OK', features: ['RING_PACKED'] }),
        step('queue', { ready: true }),
        step('queue', { ready: false }),
      ],
    },
    {
      why: 'a frame that comes while the receive queue is disabled',
      target: 'simulator-net',
      steps: [
        step('bring-up', { to: 'DRIVER_OK', features: ['net.MTU'] }),
        step('request', { dir: 'in', size: 81, seed: 4 }),
        step('queue', { queue: 'rx', ready: false }),
        step('settle'),
        step('request', { dir: 'in', size: 53, seed: 1, as: 'r0' }),
        step('queue', { queue: 'rx', ready: true }),
        step('settle'),
      ],
    },
  ])('finds nothing any more in: $why', async ({ target, steps }) => {
    const bench = benchOf(await resolveTarget(target, parentSource));
    expect(execute({ seed: 1, steps: numbered(steps) }, bench).finding).toBeNull();
  });
});
