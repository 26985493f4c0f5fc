import { between, chance, type Draw, pick } from '../draw.ts';
import { about, type DrawnStep, step } from '../strategy.ts';
import type { View } from '../view.ts';
import { can, fresh, offers, type Scene, up } from './scene.ts';

const indirect = (facts: Parameters<Scene['fits']>[0]) => offers(facts, 'INDIRECT_DESC');
const SPLIT = { without: ['RING_PACKED'], features: ['INDIRECT_DESC'], size: 8 };

/** A split table may have its entries anywhere, and others that do not belong to the chain. */
export const scatteredTable: Scene = {
  name: 'scattered-table',
  weight: 2,
  fits: indirect,
  draw(view, draw) {
    const [page, trap, as] = [fresh(view, 'table'), fresh(view, 'trap'), fresh(view, 'scattered')];
    const entries = between(draw, 3, 6);
    const blk = view.facts.type === 'blk';
    const sizes = blk ? [16, 512, 1] : [12, 60, 54];
    const [second, third] = twoOf(draw, entries);
    const used = [0, second, third];
    const chain = used.map((slot, i) =>
      step('desc', {
        table: page,
        slot,
        addr: { of: as, part: i },
        len: sizes[i],
        flags: (blk && i === 2 ? 2 : 0) | (i < 2 ? 1 : 0),
        next: i < 2 ? used[i + 1] : draw.int(entries),
        legal: true,
      }),
    );
    const traps = Array.from({ length: entries }, (_, slot) => slot)
      .filter((slot) => !used.includes(slot))
      .map((slot) => trapEntry(page, slot, trap, draw.int(entries)));
    return [
      up(view, draw, SPLIT),
      step('memory', { as: page, size: 16 * entries }),
      step('memory', { as: trap, size: 512 }),
      step('request', {
        dir: 'out',
        as,
        cut: { r: blk ? [16] : [12, 60] },
        indirect: { in: page },
        slots: [1],
        publish: false,
      }),
      step('desc', { slot: 1, len: 16 * entries, legal: true }),
      ...chain,
      ...traps,
      step('publish', { queue: 'tx', kick: 'yes' }),
      step('quiet'),
      about(entries > 3 ? 'P1.1-017d' : 'P1.1-017c', step('done', { as })),
    ];
  },
};

const trapEntry = (table: string, slot: number, trap: string, next: number): DrawnStep =>
  step('desc', { table, slot, addr: { of: trap }, len: 512, flags: 3, next, legal: true });

/** Two different entries from 1 on. */
function twoOf(draw: Draw, entries: number): [number, number] {
  const first = between(draw, 1, entries - 1);
  const second = between(draw, 1, entries - 2);
  return [first, second >= first ? second + 1 : second];
}

/** A table whose length is no whole number of entries: what lies behind it is no part of it. */
export const cutTable: Scene = {
  name: 'cut-table',
  breach: true,
  fits: indirect,
  draw(view, draw) {
    const [table, data, trap] = [fresh(view, 'cut'), fresh(view, 'data'), fresh(view, 'behind')];
    return [
      up(view, draw, SPLIT),
      step('memory', { as: data, size: 64 }),
      step('memory', { as: table, size: 64 }),
      step('memory', { as: trap, size: 64 }),
      step('desc', { table, slot: 0, addr: { of: data }, len: 16, flags: 1, next: 1 }),
      step('desc', { table, slot: 1, addr: { of: data, plus: 16 }, len: 16, flags: 3, next: 2 }),
      step('desc', { table, slot: 2, addr: { of: trap }, len: 16, flags: 1, next: 0 }),
      // Device-writable, but for a device that knows where the table ends.
      step('poke', { memory: table, at: 44, u16: 2 }),
      step('desc', {
        slot: 0,
        addr: { of: table },
        len: pick(draw, [8, 15, 17, 32, 40, 47]),
        flags: 4,
        next: 0,
      }),
      step('avail', { heads: [0] }),
      step('kick', { queue: 'tx' }),
      step('quiet'),
      step('recover'),
    ];
  },
};

/** Descriptors that lead anywhere: in circles, from table to table, out of the table. */
export const tangle: Scene = {
  name: 'tangle',
  weight: 4,
  breach: true,
  fits: () => true,
  draw(view, draw) {
    const tables = indirect(view.facts)
      ? Array.from({ length: draw.int(3) }, () => fresh(view, 'table'))
      : [];
    const data = fresh(view, 'data');
    // Half of them have no end, as nothing in them ends a chain.
    const endless = chance(draw, 50);
    const size = between(draw, 1, 4);
    const part = (where: { slot: number; table?: string }) =>
      endless
        ? endlessPart(draw, { ...where, of: size }, data, tables)
        : tangled(view, draw, where, data, tables);
    return [
      up(view, draw, { ...SPLIT, features: tables.length > 0 ? ['INDIRECT_DESC'] : [] }),
      step('memory', { as: data, size: 64 }),
      ...tables.map((as) =>
        step('memory', {
          as,
          size: 64,
          ...(chance(draw, 40) && can(view.facts, 'perm-map') ? { perm: 'ro' } : {}),
        }),
      ),
      ...tables.flatMap((table) => Array.from({ length: size }, (_, slot) => part({ table, slot }))),
      ...Array.from({ length: between(draw, 1, 4) }, (_, slot) => part({ slot })),
      step('avail', { heads: [0] }),
      step('kick', { queue: 'tx' }),
      step('quiet'),
      step('recover'),
    ];
  },
};

/** A descriptor that leads on: to another one of its table, or to a table of `of` entries. */
function endlessPart(
  draw: Draw,
  { of, ...where }: { slot: number; table?: string; of: number },
  data: string,
  tables: readonly string[],
): DrawnStep {
  const toTable = tables.length > 0 && chance(draw, where.table === undefined ? 70 : 30);
  return step('desc', {
    ...where,
    addr: { of: toTable ? pick(draw, tables) : data },
    len: toTable ? 16 * of : 16,
    flags: toTable ? pick(draw, [4, 5]) : pick(draw, [1, 1, 3]),
    next: draw.int(where.table === undefined ? 4 : of),
  });
}

function tangled(
  _: View,
  draw: Draw,
  where: { slot: number; table?: string },
  data: string,
  tables: readonly string[],
): DrawnStep {
  const next = draw.int(where.slot > 0 && chance(draw, 50) ? where.slot + 1 : 4);
  if (tables.length > 0 && chance(draw, where.table === undefined ? 60 : 25)) {
    const len = pick(draw, [16, 32, 48, 64, 40, 8, 17, 0xfffffff0]);
    return step('desc', {
      ...where,
      addr: { of: pick(draw, tables) },
      len,
      flags: pick(draw, [4, 4, 5, 6]),
      next,
    });
  }
  const flags = pick(draw, [1, 1, 1, 3, 3, 0, 2]);
  return step('desc', {
    ...where,
    addr: { of: data, plus: 8 * draw.int(4) },
    len: pick(draw, [0, 16, 64]),
    flags,
    next,
  });
}
