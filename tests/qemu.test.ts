import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openCatalogue } from '../conformance/commands/catalogue.ts';
import { instancesOf } from '../conformance/loader/expand.ts';
import { deviceFacts } from '../conformance/runner/device-facts.ts';
import { runInstance } from '../conformance/runner/run-instance.ts';
import { resolveTarget } from '../conformance/runner/targets.ts';
import { DEVICE_NAMES } from '../devices/qemu/devices.ts';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import { parentSource } from '../parents.ts';
import { missing } from './daemon.ts';

const { cases } = openCatalogue(undefined);

/** What every virtio device is asked, whatever it is for. */
const GENERIC = [
  'device-status/reset-reads-zero',
  'device-status/reads-back',
  'features/offer-is-constant',
  'features/unoffered-is-refused',
  'pci-caps/structures-are-there',
  'pci-caps/structures-fit',
  'pci-common/registers-read-back',
  'mmio/identity',
  'mmio/status-0-resets',
  'mmio/largest-size-stays',
];

/** Processes of QEMU that this process has started and that live. */
function machines(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return stat.includes('(qemu-system') && state !== 'Z' && Number(parent) === process.pid;
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Run instances of one case after another on `spec`; `before` is told of each device that is made. */
async function run(spec: string, ids: readonly string[], before: (nth: number) => void = () => {}) {
  const target = await resolveTarget(spec, parentSource);
  const { definition } = target;
  const facts = deviceFacts(definition, target.options);
  let made = 0;
  const watched: typeof target = {
    ...target,
    definition: {
      ...definition,
      create(environment) {
        const instance = definition.create(environment);
        before(++made);
        return instance;
      },
    },
  };
  const guest = new GuestMemory(8 << 20);
  const verdicts: string[] = [];
  const reasons: string[] = [];
  try {
    for (const id of ids) {
      const definition = cases.find((one) => one.id === id);
      if (definition === undefined) throw new Error(`the catalogue has no case ${id}`);
      for (const instance of instancesOf(definition, facts.values).slice(0, 4)) {
        const { verdict, reason, findings } = runInstance(instance, watched, facts, guest);
        verdicts.push(verdict);
        if (verdict !== 'pass' && verdict !== 'skip')
          reasons.push(
            `${instance.id}: ${verdict} ${reason ?? findings.map((one) => one.actual).join('; ')}`,
          );
      }
    }
  } finally {
    guest.dispose();
  }
  return { facts, verdicts, reasons };
}

describe('a target of QEMU', () => {
  it('names one device that can be started', async () => {
    await expect(resolveTarget('qemu', parentSource)).rejects.toThrow(/needs the name of a device/);
    await expect(resolveTarget('qemu:virtio-blk-pic', parentSource)).rejects.toThrow(
      /no device that can be started/,
    );
    await expect(resolveTarget('qemu:virtio-rng-device,bin=/nowhere/qemu', parentSource)).rejects.toThrow(
      /there is no program \/nowhere\/qemu/,
    );
  });
});

describe.skipIf(missing('qemu-system-x86_64'))('QEMU', () => {
  const MANY = new Array<string>(4).fill('vdpa-reset/is-idempotent');

  it('that is killed is a crash that names the signal, and the next case has a new one', async () => {
    const pids = new Set<number>();
    const { verdicts, reasons } = await run('qemu:virtio-rng-device', MANY, (nth) => {
      for (const pid of machines()) pids.add(pid);
      if (nth === 2) process.kill(machines()[0], 'SIGKILL');
    });
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toMatch(/crash.*died of SIGKILL/);
    expect(verdicts.filter((one) => one === 'pass').length).toBeGreaterThan(2);
    expect(pids.size).toBe(2);
    expect(machines()).toEqual([]);
  });

  it('that is stopped is a hang, and the next case has a new one', async () => {
    const { verdicts, reasons } = await run('qemu:virtio-rng-pci', MANY, (nth) => {
      if (nth === 2) process.kill(machines()[0], 'SIGSTOP');
    });
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toMatch(/hang.*gives no answer/);
    expect(verdicts.filter((one) => one === 'pass').length).toBeGreaterThan(2);
    expect(machines()).toEqual([]);
  });

  it.each(DEVICE_NAMES)('starts %s, which gets the generic cases', async (name) => {
    const { verdicts, reasons } = await run(`qemu:${name}`, GENERIC);
    expect(reasons.filter((one) => !one.startsWith('features/unoffered-is-refused'))).toEqual([]);
    expect(verdicts.filter((one) => one === 'pass').length).toBeGreaterThan(8);
  });
});
