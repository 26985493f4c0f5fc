import { describe, expect, it } from 'vitest';
import { openCatalogue } from '../conformance/commands/catalogue.ts';
import { instancesOf } from '../conformance/loader/expand.ts';
import { deviceFacts } from '../conformance/runner/device-facts.ts';
import { runInstance } from '../conformance/runner/run-instance.ts';
import { resolveTarget } from '../conformance/runner/targets.ts';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import { parentSource } from '../parents.ts';
import { remoteTwin } from './remote-twin.ts';

const { cases } = openCatalogue(undefined);
const HARMLESS = new Set(['pass', 'warn', 'skip']);

/** Run at most `most` instances of each case that `wanted` selects. */
async function runTwin(spec: string, most: number, wanted?: (id: string) => boolean) {
  const target = await resolveTarget(spec, parentSource);
  const twin = { ...target, definition: remoteTwin(target.definition) };
  const facts = deviceFacts(twin.definition, twin.options);
  const guest = new GuestMemory(8 << 20);
  const verdicts: Record<string, number> = {};
  const red: string[] = [];
  for (const definition of cases.filter(({ id }) => wanted?.(id) ?? true)) {
    let count = 0;
    for (const instance of instancesOf(definition, facts.values)) {
      const { verdict, findings, reason } = runInstance(instance, twin, facts, guest);
      verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
      if (!HARMLESS.has(verdict))
        red.push(`${instance.id}: ${verdict} ${reason ?? JSON.stringify(findings[0])}`);
      if (verdict !== 'skip' && ++count >= most) break;
    }
    // One is enough to see a defect.
    if (wanted && red.length > 0) break;
  }
  return { verdicts, red };
}

describe('devices whose stores are seen by comparing memory', () => {
  it.each(['simulator-net', 'simulator-blk'])('are as right as in process: %s', async (spec) => {
    const { verdicts, red } = await runTwin(spec, 2);
    expect(red).toEqual([]);
    expect(verdicts.pass).toBeGreaterThan(300);
  });

  // What a device does to memory is still seen, without a trace.
  it.each([
    'simulator-blk+split/clears-avail-flags',
    'simulator-blk+split/id-of-slot',
    'simulator-blk+split/used-index-modulo-size',
    'simulator-blk+split/repeats-a-transfer',
    'simulator-blk+packed/slot-as-id',
    'simulator-blk+packed/avail-always-1',
    'simulator-blk+packed/stores-into-readable',
  ])('are caught all the same: %s', async (spec) => {
    const { red } = await runTwin(spec, 2, (id) => /^(?:split|packed|packed-ring|blk)-/.test(id));
    expect(red).not.toEqual([]);
  });
});
