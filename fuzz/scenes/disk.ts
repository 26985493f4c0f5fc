import { between, chance, type Draw, pick } from '../draw.ts';
import { about, type DrawnStep, step } from '../strategy.ts';
import type { View } from '../view.ts';
import { can, fresh, offers, type Scene, up } from './scene.ts';

type Facts = Parameters<Scene['fits']>[0];

const ANY = { status: 'any', 'may-be-missing': true };
/** Sectors that a scene fills and looks at. */
const SPAN = 24;

const disk = (facts: Facts) =>
  facts.type === 'blk' &&
  !offers(facts, 'blk.RO') &&
  (facts.values.capacity as number) >= 64 &&
  blockOf(facts) === 1;
/** One with blocks larger than a sector. */
const coarseDisk = (facts: Facts) =>
  facts.type === 'blk' &&
  !offers(facts, 'blk.RO') &&
  blockOf(facts) > 1 &&
  blockOf(facts) <= 8 &&
  (facts.values.capacity as number) >= 16 * blockOf(facts);
/** Sectors of a block. */
const blockOf = ({ values }: Facts) => Math.max(1, Math.floor((values.blk_size as number) / 512));
const fill = (sector: number, draw: Draw) =>
  step('blk-fill', { sector, sectors: SPAN, pattern: draw.int(100) });
const verify = (sector: number, rule: string) => about(rule, step('blk-verify', { sector, sectors: SPAN }));

const clearing = (facts: Facts, least = SPAN) =>
  (
    [
      ['blk.DISCARD', 'discard', 'max_discard'],
      ['blk.WRITE_ZEROES', 'write-zeroes', 'max_write_zeroes'],
    ] as const
  ).filter(
    ([feature, , limit]) => offers(facts, feature) && (facts.values[`${limit}_sectors`] as number) >= least,
  );

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

/** What is durable survives a power cut; what is not may be lost, and nothing else. */
export const powerCut: Scene = {
  name: 'power-cut',
  weight: 2,
  fits: (facts) => disk(facts) && can(facts, 'power-cut'),
  draw(view, draw) {
    const offered = (name: string) => offers(view.facts, name);
    const flushes = offered('blk.FLUSH') && chance(draw, 60);
    const switched = offered('blk.CONFIG_WCE') && chance(draw, 50);
    const features = [...(flushes ? ['blk.FLUSH'] : []), ...(switched ? ['blk.CONFIG_WCE'] : [])];
    const without = ['blk.FLUSH', 'blk.CONFIG_WCE'].filter((name) => !features.includes(name));
    const through = switched && chance(draw, 60);
    const mode = (on: number) => step('config-write', { field: 'writeback', bytes: `0${on}` });
    // Without a flush only a cache that is off, or none that the driver knows of, makes a write durable.
    const durable = through || (!flushes && !switched);
    const flush = !durable;
    if (flush && !flushes) return [step('reset')];
    const start = draw.int(24);
    const lost = flush && chance(draw, 40) ? [step('blk-fill', { sector: 80, sectors: 8, pattern: 7 })] : [];
    return [
      up(view, draw, { features, without }),
      ...(switched ? [...(chance(draw, 50) ? [mode(1)] : []), mode(through ? 0 : 1)] : []),
      ...(flush && chance(draw, 50) ? [fill(start, draw), step('blk', { op: 'flush' })] : []),
      fill(start, draw),
      ...(flush ? [step('blk', { op: 'flush' })] : []),
      ...((view.facts.values.capacity as number) > 96 ? lost : []),
      step('backend', { 'power-cut': true }),
      up(view, draw, { features, without }),
      verify(start, 'V1.1-5.2.6.2-D9'),
    ];
  },
};

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
