import { between, chance, pick } from '../draw.ts';
import { step } from '../strategy.ts';
import { can, direction, fresh, offers, queueFor, type Scene, up } from './scene.ts';

const indirect = (facts: Parameters<Scene['fits']>[0]) => offers(facts, 'INDIRECT_DESC');

/** The available index of a split ring jumps: back, or further than the ring is long. */
export const indexJump: Scene = {
  name: 'index-jump',
  breach: true,
  fits: () => true,
  draw(view, draw) {
    const move = pick(draw, [-1, -8, 9, 0x8000, 0xffff, between(draw, 9, 0xffff)]);
    const waiting = chance(draw, 40) ? [step('request', { dir: 'any', kick: 'no' })] : [];
    return [
      up(view, draw, { size: 8, without: ['RING_PACKED'] }),
      step('exchange', { rounds: between(draw, 1, 3) }),
      ...waiting,
      step('avail', { heads: [], move }),
      step('kick', { times: between(draw, 1, 2) }),
      step('quiet'),
      step('recover'),
    ];
  },
};

/** A table of a packed ring says that it is of a length that it cannot be. */
export const tableLength: Scene = {
  name: 'table-length',
  breach: true,
  fits: (facts) => indirect(facts) && offers(facts, 'RING_PACKED'),
  draw(view, draw) {
    const dir = direction(view, draw);
    const as = fresh(view, 'long');
    const len = pick(draw, [0, 8, 15, 17, 33, 4096, 0x100000, 0x1000010, 0x7ffffff0, 0xfffffff0]);
    return [
      up(view, draw, { features: ['RING_PACKED', 'INDIRECT_DESC'], size: 8 }),
      step('request', { dir, as, list: between(draw, 2, 3), indirect: true, publish: false }),
      step('desc', { queue: queueFor(dir), slot: 0, len }),
      step('publish', { queue: queueFor(dir), kick: 'yes' }),
      step('quiet'),
      step('recover'),
    ];
  },
};

/** A table that crosses the end of its mapping, is not mapped, or lies at the end of the address space. */
export const tableAtEnd: Scene = {
  name: 'table-at-end',
  breach: true,
  fits: (facts) => indirect(facts) && can(facts, 'perm-map'),
  draw(view, draw) {
    const [data, page] = [fresh(view, 'data'), fresh(view, 'page')];
    const within = chance(draw, 60);
    const entries = between(draw, 1, 3);
    const addr = within
      ? { of: page, plus: 4096 - 16 * entries }
      : pick(draw, ['0xfffffffffffffff0', '0xffffffff00000000', '0xfffffffffffffff8']);
    const gone = within && chance(draw, 40);
    return [
      up(view, draw, { features: ['INDIRECT_DESC'], without: ['RING_PACKED'], size: 8 }),
      step('memory', { as: data, size: 64 }),
      step('memory', { as: page, size: 4096, perm: 'ro' }),
      ...Array.from({ length: entries }, (_, i) =>
        step('desc', {
          table: page,
          slot: 256 - entries + i,
          addr: { of: data },
          len: 16,
          flags: 1,
          next: i + 1,
        }),
      ),
      ...(gone ? [step('map', { memory: page, perm: 'none' })] : []),
      step('desc', { slot: 0, addr, len: 16 * (entries + between(draw, 1, 2)), flags: 4, next: 0 }),
      step('avail', { heads: [0] }),
      step('kick', {}),
      step('quiet'),
      step('recover'),
    ];
  },
};
