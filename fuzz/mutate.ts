import type { DeviceFacts } from '../conformance/runner/device-facts.ts';
import { between, chance, type Draw, pick } from './draw.ts';
import { namedApart } from './names.ts';
import { numbered, pieces, type Sequence, type SequenceStep, type Source } from './sequence.ts';
import type { Focus } from './strategy.ts';

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
  source: Source,
): Sequence {
  const base = pieces(pick(draw, corpus).steps);
  let parts = [...base];
  for (let n = between(draw, 1, 3); n > 0; n--) {
    const at = draw.int(parts.length);
    switch (draw.int(5)) {
      case 0:
        parts.splice(at, between(draw, 1, 3));
        break;
      case 1:
        parts.splice(at, 0, parts[at]);
        break;
      case 2: {
        const [moved] = parts.splice(at, 1);
        parts.splice(draw.int(parts.length + 1), 0, moved);
        break;
      }
      case 3: {
        const other = pieces(pick(draw, corpus).steps);
        const from = draw.int(other.length);
        parts.splice(at, 0, ...other.slice(from, from + between(draw, 1, 6)));
        break;
      }
      default:
        parts = [...parts.slice(0, at), ...pieces(source.draw(facts, draw, seed, focus).steps)];
    }
    if (parts.length === 0) parts = [...base];
  }
  const steps: Omit<SequenceStep, 'at'>[] = [];
  for (const part of namedApart(parts)) {
    if (steps.length > 0 && steps.length + part.length > source.longest) break;
    steps.push(...part);
  }
  if (chance(draw, 90)) steps.push({ name: 'settle', args: {} });
  return { seed, steps: numbered(steps) };
}
