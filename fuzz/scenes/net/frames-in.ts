import { between, chance, type Draw, pick, weighted } from '../../draw.ts';
import type { View } from '../../view.ts';
import { type Frame, room } from './frame.ts';

/** A frame of the far side that needs nothing done: it has to arrive as it is. */
export function wholeFrame(view: View, draw: Draw): Frame {
  const kind = pick(draw, ['r4', 'r6', 'ru', 'ru6'] as const);
  const size = pick(draw, [8, 100, 101, 190, 1000, between(draw, 8, room(view)), room(view)]);
  return { [kind]: size, ...(chance(draw, 20) ? { vlan: between(draw, 0, 4094) } : {}) };
}

/** A frame that the device may have to work on: checksum left, super-frame, or wrong. */
export function hardFrame(view: View, draw: Draw): Frame | string {
  const meta = view.facts.peer?.sendMeta;
  const vlan = chance(draw, 20) ? { vlan: between(draw, 0, 4094) } : {};
  const kind = pick(draw, ['r4', 'r6', 'ru', 'ru6'] as const);
  const wrong = () => ({ [kind]: between(draw, 60, 900), sum: 'bad', ...vlan });
  const partial = () =>
    chance(draw, 25)
      ? { ru: 300, partial: true, ports: [67, 68] }
      : { [kind]: between(draw, 60, 900), partial: true, ...vlan };
  const large = () =>
    pick<Frame | string>(draw, [
      'P4',
      'P4e',
      'P5',
      'P6',
      { is: 'P4', ...vlan },
      { is: 'P4', options: 12 },
      { r4: between(draw, 100, 4000), gso: pick(draw, [536, 1000, 1400]) },
      { r6: between(draw, 100, 4000), gso: pick(draw, [536, 1000, 1400]), cwr: chance(draw, 30) },
    ]);
  const choices: (readonly [number, () => Frame | string])[] = [
    [2, wrong],
    [1, () => 'P7'],
    [1, () => ({ vxlan: { r4: 100, sum: 'bad' }, sum: 'bad' })],
    [1, () => ({ is: 'P1', cwr: true })],
    [1, () => ({ ru: pick(draw, [1473, 1474, 1500, 4000, between(draw, 1400, 7000)]) })],
  ];
  if (meta === 'csum' || meta === 'gso') choices.push([3, partial]);
  if (meta === 'gso') choices.push([5, large]);
  return weighted(draw, choices)();
}

/** Receive buffers of a session: many small ones where packets may be spread, else large ones. */
export function buffersFor(draw: Draw, mergeable: boolean, large: boolean): Record<string, unknown> {
  const lay = chance(draw, 30) ? { lay: pick(draw, ['L2', 'L3', 'L5']) } : {};
  if (!mergeable) return { size: large ? 8192 : 2048, count: 6, ...lay };
  const size = pick(draw, [128, 533, 1066, between(draw, 64, 2048), 2048]);
  const bytes = large ? 14_000 : 5000;
  return { size, count: Math.min(40, Math.ceil(bytes / size) + 4), ...lay };
}
