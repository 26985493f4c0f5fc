import type { DeviceFacts } from '../../conformance/runner/device-facts.ts';
import { between, chance, type Draw, pick } from '../draw.ts';
import { offers } from '../scenes/scene.ts';
import { numbered, type Sequence } from '../sequence.ts';
import { STRATEGIES } from '../strategies/index.ts';
import { bringUp } from '../strategies/lifecycle.ts';
import { type DrawnStep, type Strategy, step } from '../strategy.ts';
import { freshView, settled, type View } from '../view.ts';
import { drawControl } from './draw-control.ts';

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
  const control =
    facts.type === 'net' &&
    facts.peer?.send === true &&
    offers(facts, 'net.CTRL_VQ', 'net.CTRL_RX', 'net.MAC') &&
    chance(draw, 25);
  const count = between(draw, 1, LONGEST);
  const steps = control ? drawControl(facts, draw, count) : drawTraffic(view, draw, count);
  return { seed, steps: numbered(steps) };
}

function drawTraffic(view: View, draw: Draw, count: number): DrawnStep[] {
  const steps: DrawnStep[] = [bringUp(view, draw, 'running')];
  for (let i = 0; i < count; i++) {
    some(steps, view, draw, between(draw, 0, 5));
    if (chance(draw, 25)) held(steps, view, draw);
    if (chance(draw, 15) && view.facts.ops.includes('suspend')) steps.push(step('suspend'));
    steps.push(step('migrate'));
    if (chance(draw, 30)) steps.push(step('pump', { units: between(draw, 1, 4) }));
  }
  settled(view);
  steps.push(step('settle'));
  some(steps, view, draw, between(draw, 1, 3));
  steps.push(step('settle'));
  return steps;
}

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
