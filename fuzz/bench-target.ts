import { deviceFacts } from '../conformance/runner/device-facts.ts';
import type { Target } from '../conformance/runner/run-instance.ts';
import { TargetError } from '../conformance/runner/targets.ts';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import type { Bench } from './execute.ts';

/** Guest memory of one worker, in bytes. */
const MEMORY = 8 << 20;

/** A place to run sequences against `target`. @throws TargetError when no device can be made of it */
export function benchOf(target: Target): Bench {
  try {
    const guest = new GuestMemory(MEMORY);
    const facts = deviceFacts(target.definition, target.options);
    // Whatever a device outside the suite runs in belongs to the memory that it shares.
    return { target, facts, guest, ...(target.definition.external ? { renew: () => guest.dispose() } : {}) };
  } catch (error) {
    throw new TargetError(
      `${target.name} cannot be used: ${(error as Error).message}`,
      'see `vdpa-cts targets` for options',
    );
  }
}
