import { expect, it } from 'vitest';
import { openCatalogue } from '../conformance/commands/catalogue.ts';
import { instancesOf } from '../conformance/loader/expand.ts';
import { deviceFacts } from '../conformance/runner/device-facts.ts';
import { runInstance } from '../conformance/runner/run-instance.ts';
import { resolveTarget } from '../conformance/runner/targets.ts';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import { parentSource } from '../parents.ts';

it('a case that needs what the target of --migrate-to does not offer is skipped', async () => {
  const target = await resolveTarget('ifcvf-net', parentSource, ['mlx5-net']);
  const facts = deviceFacts(target.definition, target.options);
  const guest = new GuestMemory(8 << 20);
  const definition = openCatalogue(undefined).cases.find(({ id }) => id === 'vdpa-migration/indirect')!;
  const outcomes = instancesOf(definition, facts.values)
    .filter(({ params }) => params.to === 'same')
    .map((instance) => runInstance(instance, target, facts, guest));
  expect(outcomes.length).toBeGreaterThan(0);
  for (const { verdict, reason } of outcomes) {
    expect(verdict).toBe('skip');
    expect(reason).toMatch(/is not offered by every target of --migrate-to$/);
  }
});
