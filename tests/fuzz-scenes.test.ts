import { expect, it } from 'vitest';
import { resolveTarget } from '../conformance/runner/targets.ts';
import { benchOf } from '../fuzz/bench-target.ts';
import { SeededDraw } from '../fuzz/draw.ts';
import { execute } from '../fuzz/execute.ts';
import { carrier } from '../fuzz/scenes/values.ts';
import { numbered } from '../fuzz/sequence.ts';
import { step } from '../fuzz/strategy.ts';
import { freshView } from '../fuzz/view.ts';
import { parentSource } from '../parents.ts';

it.each(['simulator-net', 'ifcvf-net', 'virtio-pci-net'])(
  'the carrier scene finds nothing on %s after changes of the configuration that nobody has read',
  async (target) => {
    const bench = benchOf(await resolveTarget(target, parentSource));
    expect(carrier.fits(bench.facts)).toBe(true);
    const unread = [step('peer', { link: 'down' }), step('peer', { link: 'up' })];
    for (let seed = 1; seed <= 60; seed++) {
      const steps = [...unread, ...carrier.draw(freshView(bench.facts, 64), new SeededDraw(seed))];
      const { finding } = execute({ seed, steps: numbered(steps) }, bench);
      expect(finding && `seed ${seed}: ${finding.requirement} ${finding.actual}`).toBeNull();
    }
  },
);
