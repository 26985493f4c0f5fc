import { between, chance, pick } from '../../draw.ts';
import { about, step } from '../../strategy.ts';
import { fresh, offers, type Scene, up } from '../scene.ts';
import { blockOf } from './disk.ts';

/** A disk that is read-only refuses writes, whatever they are cut into, and stays as it is. */
export const readOnlyDisk: Scene = {
  name: 'read-only-disk',
  weight: 2,
  fits: (facts) => facts.type === 'blk' && offers(facts, 'blk.RO') && (facts.values.capacity as number) >= 64,
  draw(view, draw) {
    const unit = blockOf(view.facts);
    const save = fresh(view, 'before');
    const sector = unit * draw.int(4);
    const features = chance(draw, 50) ? ['blk.RO'] : [];
    // Header and data apart, in pieces, or in one descriptor.
    const cut = (sectors: number) =>
      pick<Record<string, unknown>>(draw, [
        {},
        { each: 512 * unit },
        { cut: { r: [8] } },
        { cut: { r: [16 + 512 * sectors] } },
      ]);
    const look = { op: 'in', sector, sectors: 4 * unit };
    const writes = Array.from({ length: between(draw, 1, 3) }, () => {
      const sectors = unit * between(draw, 1, 4);
      const write = { op: 'out', sector, sectors, pattern: draw.int(100), ...cut(sectors) };
      return about('V1.1-5.2.6.2-D1a', step('blk', { ...write, expect: { status: 'IOERR' } }));
    });
    return [
      up(view, draw, { features, without: features.length > 0 ? [] : ['blk.RO'], size: 16 }),
      step('blk', { ...look, save, expect: { data: 'any' } }),
      ...writes,
      about('V1.1-5.2.6.2-D1b', step('blk', { ...look, expect: { data: { same: save } } })),
    ];
  },
};
