import { between, chance, pick } from '../../draw.ts';
import { about, step } from '../../strategy.ts';
import { offers, type Scene, up } from '../scene.ts';
import { clearing, disk } from './disk.ts';

/** As much as the device says that it takes. */
export const atTheLimits: Scene = {
  name: 'at-the-limits',
  fits: (facts) => disk(facts) && (clearing(facts).length > 0 || offers(facts, 'blk.SEG_MAX')),
  draw(view, draw) {
    const { values } = view.facts;
    const size = Math.min(256, values.num_max as number);
    const clear = clearing(view.facts);
    if (clear.length > 0 && chance(draw, 60)) {
      const [feature, op, limit] = pick(draw, clear);
      const most = Math.min(values[`${limit}_seg`] as number, 256);
      const count = chance(draw, 60) ? most : between(draw, 1, most);
      const odd = chance(draw, 40)
        ? [{ sector: 8 * count, num: 8, flags: pick(draw, [op === 'discard' ? 1 : 2, 4, 0x100, 0x80000000]) }]
        : [];
      const plain = { sector: 0, num: 8, count: count - odd.length };
      const segments = plain.count > 0 ? [plain, ...odd] : odd;
      const rule = odd.length > 0 ? (op === 'discard' ? 'V1.1-5.2.6.2-D2' : 'V1.1-5.2.6.2-D3') : 'P1.1-026g';
      const expect = odd.length > 0 ? { status: 'model' } : {};
      const fits = (segments[0].sector + 8 * count) * 1 + 8 <= (values.capacity as number);
      if (fits)
        return [up(view, draw, { features: [feature] }), about(rule, step('blk', { op, segments, expect }))];
    }
    const sized = offers(view.facts, 'blk.SIZE_MAX') && chance(draw, 50);
    const each = sized ? (values.size_max as number) : 512;
    const most = Math.min(values.seg_max as number, size - 2, Math.floor(1048576 / each));
    const count = chance(draw, 70) ? most : between(draw, 1, Math.max(1, most));
    const bytes = count * each;
    if (count < 1 || each % 512 !== 0 || bytes > 512 * (values.capacity as number)) return [step('reset')];
    const features = ['blk.SEG_MAX', ...(sized ? ['blk.SIZE_MAX'] : [])];
    return [
      up(view, draw, { features, size }),
      about('P1.1-026h', step('blk', { op: 'out', sector: 0, size: bytes, each, pattern: 3 })),
      about('P1.1-026h', step('blk', { op: 'in', sector: 0, size: bytes, each })),
    ];
  },
};
