import { GuestMemory } from '../framework/memory/guest-memory.ts';
import { openCatalogue } from './commands/catalogue.ts';
import { planCase } from './runner/combine.ts';
import { deviceFacts } from './runner/device-facts.ts';
import { runApplicable, type Target } from './runner/run-instance.ts';

/** What one measurement of the catalogue found. */
export interface CatalogueRate {
  target: string;
  instances: number;
  skipped: number;
  /** Instances that ran, per second on one core. */
  perSecond: number;
}

/** Run the whole catalogue against `target` in this thread, `rounds` times, and report the best rate. */
export function measureCatalogue(target: Target, rounds = 8): CatalogueRate {
  const { cases } = openCatalogue(undefined);
  const guest = new GuestMemory(8 << 20);
  const facts = deviceFacts(target.definition, target.options);
  const planned = cases.flatMap((definition) => planCase(definition, facts, 'pairs'));
  const running = planned.filter(({ skip }) => skip === null).map(({ instance }) => instance);
  let best = 0;
  let lacking = 0;
  for (let round = 0; round < rounds; round++) {
    lacking = 0;
    const begun = performance.now();
    for (const instance of running)
      if (runApplicable(instance, target, facts, guest).verdict === 'skip') lacking++;
    best = Math.max(best, (running.length - lacking) / ((performance.now() - begun) / 1000));
  }
  const skipped = planned.length - running.length + lacking;
  return { target: target.name, instances: planned.length, skipped, perSecond: Math.round(best) };
}
