import type { DeviceFacts } from '../conformance/runner/device-facts.ts';
import { between, chance, type Draw, pick } from './draw.ts';
import { drawSequence, numbered, type Sequence } from './sequence.ts';
import type { Focus } from './strategy.ts';

/** Longest sequence that mutation makes. */
const LONGEST = 60;

/**
 * A sequence near others that showed something new: steps left out, repeated, moved, taken from another one,
 * or a fresh tail after a known beginning.
 */
export function mutate(
  corpus: readonly Sequence[],
  facts: DeviceFacts,
  draw: Draw,
  seed: number,
  focus: readonly Focus[],
): Sequence {
  const base = pick(draw, corpus).steps;
  let steps: { name: string; args: unknown }[] = [...base];
  for (let n = between(draw, 1, 3); n > 0; n--) {
    const at = draw.int(steps.length);
    switch (draw.int(5)) {
      case 0:
        steps.splice(at, between(draw, 1, 3));
        break;
      case 1:
        steps.splice(at, 0, steps[at]);
        break;
      case 2: {
        const [moved] = steps.splice(at, 1);
        steps.splice(draw.int(steps.length + 1), 0, moved);
        break;
      }
      case 3: {
        const other = pick(draw, corpus).steps;
        const from = draw.int(other.length);
        steps.splice(at, 0, ...other.slice(from, from + between(draw, 1, 6)));
        break;
      }
      default:
        steps = [...steps.slice(0, at), ...drawSequence(facts, draw, seed, focus).steps];
    }
    if (steps.length === 0) steps = [...base];
  }
  const trimmed = steps.slice(0, LONGEST);
  if (chance(draw, 90)) trimmed.push({ name: 'settle', args: {} });
  return { seed, steps: numbered(trimmed) };
}
