import { chance, type Draw, pick } from '../../draw.ts';
import { about, type DrawnStep, step } from '../../strategy.ts';
import type { View } from '../../view.ts';
import { fresh, type Scene, up } from '../scene.ts';
import { ANY, clearing, disk, fill, verify } from './disk.ts';

/** Requests that make no sense; what is on the disk stays. */
export const senseless: Scene = {
  name: 'senseless-requests',
  weight: 2,
  breach: true,
  fits: disk,
  draw(view, draw) {
    const features = clearing(view.facts).map(([feature]) => feature);
    return [
      up(view, draw, { features }),
      fill(0, draw),
      ...senselessRequest(view, draw),
      step('bring-up', {}),
      verify(0, 'P1.1-026c'),
      step('recover'),
    ];
  },
};

function senselessRequest(view: View, draw: Draw): DrawnStep[] {
  const capacity = view.facts.values.capacity as number;
  const wild = () =>
    pick(draw, [
      capacity,
      capacity - 1,
      0xffffffff,
      '0x80000000000000',
      '0x80000000000008',
      '0xffffffffffffffff',
    ]);
  const clear = clearing(view.facts);
  const kind = pick(draw, [
    'io',
    'flush',
    'legacy',
    'framing',
    'segments',
    'segments',
    'part',
    'many',
  ] as const);
  const blk = (args: Record<string, unknown>) =>
    about('P1.1-025', step('blk', { ...args, breach: true, expect: ANY }));
  switch (kind) {
    case 'io':
      return [blk({ op: pick(draw, ['in', 'out']), sector: wild(), sectors: 8, pattern: 2 })];
    case 'flush':
      return [
        blk({
          op: 'flush',
          sector: draw.int(9),
          ...(chance(draw, 70) ? { out: { fill: 238, size: 512 } } : { in: 512 }),
        }),
      ];
    case 'legacy':
      return [
        step('breach', { what: 'a request type of the legacy interface' }),
        step('blk', { op: 'other', type: pick(draw, [2, 3, 5, 7, 0x80000000]), in: 512, expect: ANY }),
      ];
    case 'framing': {
      const as = fresh(view, 'short');
      const header = '00000000000000000800000000000000'.slice(0, 2 * draw.int(16));
      const parts = [...(header === '' ? [] : [{ r: header }]), { w: pick(draw, [1, 512, 513]) }];
      return [
        step('submit', { as, parts, breach: true, kick: 'yes' }),
        step('quiet'),
        about('P1.1-025', step('used', { as, 'may-be-missing': true, 'last-byte': [0, 1, 2] })),
      ];
    }
    case 'part': {
      if (clear.length === 0) return [];
      const type = pick(draw, clear)[1] === 'discard' ? 11 : 13;
      const bytes = pick(draw, [1, 8, 12, 15]);
      return [
        step('breach', { what: 'part of a segment' }),
        about('P1.1-025', step('blk', { op: 'other', type, out: { fill: 0, size: bytes }, expect: ANY })),
      ];
    }
    default: {
      if (clear.length === 0) return [];
      const [, op, limit] = pick(draw, clear);
      const most = view.facts.values[`${limit}_seg`] as number;
      if (kind === 'many') {
        const count = pick(draw, [most + 1, 2 * most + 2, 3000]);
        return [
          blk({ op, segments: [{ sector: 40, num: 8, count: Math.min(count, 3000), step: 0 }], each: 65536 }),
        ];
      }
      const segment = pick(draw, [
        { sector: 8, num: 0 },
        { sector: wild(), num: 8 },
        { sector: capacity - 4, num: 8 },
        { sector: capacity - 8, num: 0xffffffff },
        { sector: '0xfffffffffffffff8', num: 16 },
      ]);
      return [blk({ op, segments: [segment] })];
    }
  }
}
