import type { DeviceFacts } from '../../conformance/runner/device-facts.ts';
import { between, chance, type Draw, pick } from '../draw.ts';
import { offers } from '../scenes/scene.ts';
import { numbered, type Sequence } from '../sequence.ts';
import { STRATEGIES } from '../strategies/index.ts';
import { bringUp } from '../strategies/lifecycle.ts';
import { type DrawnStep, type Strategy, step } from '../strategy.ts';
import { freshView, settled, type View } from '../view.ts';
import { drawControl, drawOffloads } from './draw-control.ts';

/** Strategies whose steps keep the rules and leave the session running. */
const TRAFFIC: readonly string[] = [
  'request',
  'burst',
  'odd-table',
  'publish',
  'kick',
  'pump',
  'settle',
  'interrupts',
  'blk-transfer',
  'blk-writeback',
];
const STRATEGIES_OF_TRAFFIC: readonly Strategy[] = STRATEGIES.filter(({ name }) => TRAFFIC.includes(name));

/** Most migrations in a sequence. */
const LONGEST = 6;

/** A sequence of traffic with several migrations in it; the last one is followed by traffic as well. */
export function drawMigrations(facts: DeviceFacts, draw: Draw, seed: number): Sequence {
  const view = freshView(facts, between(draw, 46, 120));
  const net =
    facts.type === 'net' &&
    facts.peer?.send === true &&
    offers(facts, 'net.CTRL_VQ', 'net.CTRL_RX', 'net.MAC');
  const kind = net ? draw.int(100) : 100;
  const count = between(draw, 1, LONGEST);
  const switches = offers(facts, 'net.CTRL_GUEST_OFFLOADS', 'net.GUEST_CSUM', 'net.GUEST_TSO4');
  if (kind < 6 && switches && facts.peer?.sendMeta === 'gso')
    return { seed, steps: numbered(drawOffloads(facts, draw, count)) };
  const steps = kind < 30 ? drawControl(facts, draw, count) : drawTraffic(view, draw, count);
  return { seed, steps: numbered(steps) };
}

function drawTraffic(view: View, draw: Draw, count: number): DrawnStep[] {
  const first = bringUp(view, draw, 'running');
  const tells = view.facts.abilities.includes('vq-state');
  const steps: DrawnStep[] = [
    tells && !view.packed && chance(draw, 12) ? atHalf(first, between(draw, 1, 4)) : first,
  ];
  const copies = view.facts.abilities.includes('dirty');
  for (let i = 0; i < count; i++) {
    if (copies && chance(draw, 40)) {
      steps.push(step('pre-copy', { start: true }));
      some(steps, view, draw, between(draw, 0, 3));
      if (chance(draw, 50)) steps.push(step('pre-copy', { round: true }));
    }
    some(steps, view, draw, between(draw, 0, 5));
    if (chance(draw, 25)) held(steps, view, draw);
    if (chance(draw, 15) && view.facts.ops.includes('suspend')) steps.push(step('suspend'));
    // Behind shadow virtqueues memory may have other addresses.
    steps.push(step('migrate', chance(draw, 12) ? { shift: pick(draw, [0, 0x1000_0000_0000]) } : {}));
    if (chance(draw, 30)) steps.push(step('pump', { units: between(draw, 1, 4) }));
  }
  settled(view);
  steps.push(step('settle'));
  some(steps, view, draw, between(draw, 1, 3));
  steps.push(step('settle'));
  return steps;
}

/** The same, `before` buffers away from the middle of the index. */
const atHalf = (drawn: DrawnStep, before: number): DrawnStep => ({
  ...drawn,
  args: { ...drawn.args, start: { index: 0x8000 - before } },
});

/** `count` pieces of traffic. */
function some(steps: DrawnStep[], view: View, draw: Draw, count: number): void {
  for (let i = 0; i < count; i++) {
    const weights = STRATEGIES_OF_TRAFFIC.map((one) => one.weight(view));
    let at = draw.int(
      Math.max(
        1,
        weights.reduce((sum, weight) => sum + weight, 0),
      ),
    );
    const chosen = weights.findIndex((weight) => {
      at -= weight;
      return at < 0;
    });
    if (chosen >= 0) steps.push(...STRATEGIES_OF_TRAFFIC[chosen].draw(view, draw));
  }
}

/** Requests that the device holds back when it is stopped. */
function held(steps: DrawnStep[], view: View, draw: Draw): void {
  if (!view.facts.abilities.includes('slow') || view.num < 8) return;
  settled(view);
  const as = `held${view.serial}`;
  const count = between(draw, 1, Math.min(3, Math.floor(view.num / 4)));
  view.serial += count;
  steps.push(
    step('settle'),
    step('backend', { hold: between(draw, 1, count) }),
    step('request', { dir: 'any', as, count, seed: view.serial, kick: pick(draw, ['yes', 'obey']) }),
    step('pump', { units: between(draw, 1, 2 * count) }),
  );
  const queue = view.facts.type === 'net' ? 1 : 0;
  view.load[queue] = (view.load[queue] ?? 0) + 2 * count;
}
