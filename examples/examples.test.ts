import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { instancesOf } from '../conformance/loader/expand.ts';
import { loadCatalogue } from '../conformance/loader/load.ts';
import { InputError } from '../conformance/loader/problems.ts';
import { SUITE_RULES } from '../conformance/oracles/suite-rules.ts';
import { deviceFacts } from '../conformance/runner/device-facts.ts';
import { runInstance } from '../conformance/runner/run-instance.ts';
import { VdpaBus } from '../framework/bus.ts';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import type { ParentDefinition } from '../framework/parent.ts';
import { BlkDriver } from '../framework/virtio-vdpa/blk-driver.ts';
import { virtioVdpa } from '../framework/virtio-vdpa/device.ts';
import { requirements } from '../specs/requirements.ts';
import { parent } from './my-parent.ts';
import { parent as vendorParent } from './vendor-parent.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const CATALOGUE = here('../conformance/catalogue');

/** All cases that load; a file with mistakes is a matter for the tests of the catalogue. */
function catalogue() {
  const known = new Set([...requirements().keys(), ...Object.keys(SUITE_RULES)]);
  try {
    return loadCatalogue([CATALOGUE], known).cases;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
  }
  return readdirSync(CATALOGUE, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .flatMap((name) => {
      try {
        return loadCatalogue([`${CATALOGUE}/${name}`], known).cases;
      } catch (error) {
        if (error instanceof InputError) return [];
        throw error;
      }
    });
}

/** Verdicts of all instances of all cases on a target, and what is wrong. */
function runAll(definition: ParentDefinition) {
  const guest = new GuestMemory(8 << 20);
  const facts = deviceFacts(definition, {});
  const target = { name: definition.name, definition, options: {} };
  const tally: Record<string, number> = {};
  const bad: string[] = [];
  for (const one of catalogue()) {
    for (const instance of instancesOf(one, facts.values)) {
      const { verdict, findings, reason } = runInstance(instance, target, facts, guest);
      tally[verdict] = (tally[verdict] ?? 0) + 1;
      if (!['fail', 'crash', 'hang'].includes(verdict)) continue;
      const found = findings.map(
        ({ requirement, expected, actual }) => `${requirement}: ${expected}; ${actual}`,
      );
      bad.push(`${instance.id} ${verdict} ${reason ?? ''} ${found.slice(0, 2).join(' | ')}`);
    }
  }
  return { tally, bad };
}

describe('examples/my-parent.ts', () => {
  it('passes every case that applies to it', { timeout: 120_000 }, () => {
    const { tally, bad } = runAll(parent);
    expect(bad).toEqual([]);
    expect(tally.pass).toBeGreaterThan(20);
  });

  it.each([{ packed: false }, { packed: true }])(
    'works with the block driver: packed $packed',
    ({ packed }) => {
      const memory = new GuestMemory();
      const instance = parent.create({ port: memory.host.port(), seed: 1, options: { sectors: '64' } });
      const bus = new VdpaBus();
      bus.register(instance.device);
      const virtio = bus.bind(instance.device.name, virtioVdpa);
      const driver = new BlkDriver(virtio, { memory, packed, pump: (budget) => instance.pump!(budget) });
      const image = Uint8Array.from({ length: 64 * 512 }, (_, i) => (i * 7 + (i >> 9)) & 0xff);
      driver.write(0, image);
      driver.flush();
      expect(driver.read(0, 64)).toEqual(image);
      expect([driver.capacity, driver.getId()]).toEqual([64, 'my-disk']);
      driver.close();
    },
  );

  it('declares its option, and refuses a size that is none', () => {
    expect(parent.options?.map(({ name }) => name)).toEqual(['sectors']);
    expect(() =>
      parent.create({ port: new GuestMemory().host.port(), seed: 1, options: { sectors: 'x' } }),
    ).toThrow(RangeError);
  });
});

describe('examples/vendor-parent.ts', () => {
  it('is a parent of about 150 lines that passes every case that applies to it', { timeout: 120_000 }, () => {
    const code = readFileSync(here('vendor-parent.ts'), 'utf8').split('export const parent')[1];
    expect(code.split('\n').length).toBeLessThan(190);
    const { tally, bad } = runAll(vendorParent);
    expect(bad).toEqual([]);
    expect(tally.pass).toBeGreaterThan(500);
    expect(tally.warn ?? 0).toBe(0);
  });
});

describe('examples/move-data.ts', () => {
  it('moves sectors and packets', { timeout: 60_000 }, () => {
    const tsx = fileURLToPath(import.meta.resolve('tsx'));
    const text = execFileSync(process.execPath, ['--import', tsx, here('move-data.ts')], {
      encoding: 'utf8',
    });
    expect(text).toMatch(/simulator-blk: .*1024 sectors written, read back and equal/s);
    expect(text).toMatch(/simulator-net: .*200 packets sent, 200 received, all equal/s);
  });
});
