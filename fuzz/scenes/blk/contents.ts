import { between, chance, type Draw, pick } from '../../draw.ts';
import { about, type DrawnStep, step } from '../../strategy.ts';
import type { View } from '../../view.ts';
import { offers, type Scene, up } from '../scene.ts';
import { ANY, blockOf, clearing, coarseDisk, disk, fill, SPAN, verify } from './disk.ts';

/** Requests on known content: what they cover changes, what is beside it stays. */
export const knownContent: Scene = {
  name: 'known-content',
  fits: disk,
  draw(view, draw) {
    const capacity = view.facts.values.capacity as number;
    const start = pick(draw, [0, 8, capacity - SPAN]);
    const steps = Array.from({ length: between(draw, 1, 3) }, () => changeWithin(view, draw, start));
    return [
      up(view, draw, { features: clearing(view.facts).map(([feature]) => feature) }),
      fill(0, draw),
      ...(start === 0 ? [] : [fill(start, draw)]),
      ...steps,
      verify(start, 'P1.1-026c'),
      ...(start === 0 ? [] : [verify(0, 'P1.1-026d')]),
    ];
  },
};

function changeWithin({ facts }: View, draw: Draw, start: number): DrawnStep {
  const at = chance(draw, 15) ? SPAN - 1 : draw.int(SPAN - 1);
  const num = between(draw, 1, SPAN - at);
  const clear = clearing(facts);
  if (clear.length === 0 || chance(draw, 40)) {
    const sectors = Math.min(num, 4);
    const each = chance(draw, 40) ? { each: 512 } : {};
    return step('blk', { op: 'out', sector: start + at, sectors, pattern: draw.int(1000), ...each });
  }
  const [, op] = pick(draw, clear);
  const flags = op === 'write-zeroes' ? draw.int(2) : 0;
  const alignment = op === 'discard' ? Math.max(1, facts.values.discard_sector_alignment as number) : 1;
  if (alignment > 1) return step('blk', { op: 'flush', expect: ANY });
  return step('blk', {
    op,
    segments: [{ sector: start + at, num, flags }],
    expect: { status: ['OK', 'IOERR'] },
  });
}

/** Requests of whole blocks larger than a sector, on known content: sectors are still what is counted in. */
export const wholeBlocks: Scene = {
  name: 'whole-blocks',
  weight: 2,
  fits: coarseDisk,
  draw(view, draw) {
    const unit = blockOf(view.facts);
    const [blocks, sectors] = [8, 8 * unit];
    const clear = clearing(view.facts, unit);
    const steps = Array.from({ length: between(draw, 1, 3) }, () => {
      const at = draw.int(blocks);
      const num = unit * between(draw, 1, Math.min(2, blocks - at));
      if (clear.length === 0 || chance(draw, 40))
        return step('blk', { op: 'out', sector: unit * at, sectors: num, pattern: draw.int(1000) });
      const [, op] = pick(draw, clear);
      const segments = [{ sector: unit * at, num, flags: op === 'write-zeroes' ? draw.int(2) : 0 }];
      return step('blk', { op, segments, expect: { status: ['OK', 'IOERR'] } });
    });
    return [
      up(view, draw, { features: clear.map(([feature]) => feature), size: 16 }),
      step('blk-fill', { sector: 0, sectors, pattern: draw.int(100) }),
      ...steps,
      about(pick(draw, ['P1.1-026i', 'P1.1-026a', 'P1.1-026c']), step('blk-verify', { sector: 0, sectors })),
    ];
  },
};

/** One long segment: its last sectors are cleared like its first, and those behind it are not. */
export const longSegment: Scene = {
  name: 'long-segment',
  fits: (facts) =>
    disk(facts) &&
    offers(facts, 'blk.WRITE_ZEROES') &&
    (facts.values.max_write_zeroes_sectors as number) >= 600 &&
    (facts.values.capacity as number) >= 640,
  draw(view, draw) {
    const num = pick(draw, [255, 256, 257, 512, 520, between(draw, 32, 600)]);
    const [end, pattern] = [num - 8, draw.int(100)];
    return [
      up(view, draw, { features: ['blk.WRITE_ZEROES'], size: 16 }),
      step('blk-fill', { sector: 0, sectors: 8, pattern }),
      step('blk-fill', { sector: end, sectors: 16, pattern }),
      step('blk', { op: 'write-zeroes', segments: [{ sector: 0, num, flags: draw.int(2) }] }),
      about('V1.1-5.2.6.2-D6', step('blk-verify', { sector: 0, sectors: 8 })),
      about('V1.1-5.2.6.2-D6', step('blk-verify', { sector: end, sectors: 16 })),
    ];
  },
};
