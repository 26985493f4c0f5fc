import { bitMask } from '../../specs/virtio-1.1/features.ts';
import { between, chance, type Draw, pick } from '../draw.ts';
import { type Strategy, step } from '../strategy.ts';
import { forgetSession, type View } from '../view.ts';

const has = (view: View, feature: string) => view.features.includes(feature);
const offers = (view: View, feature: string) => (view.offered & bitMask([feature])) !== 0n;
/** Requests that are waited for need an idle queue and a session in which the driver kept the rules. */
const calm = (view: View) => view.facts.type === 'blk' && view.phase === 'running' && !view.suspended && !view.breached && view.num >= 4 && (view.load[0] ?? 0) === 0;
const sector = (draw: Draw) => 8 * draw.int(64);

/** Writes and reads at chosen places, the end of the disk among them. */
export const transfer: Strategy = {
  name: 'blk-transfer',
  focus: 'rings',
  weight: (view) => (calm(view) && !offers(view, 'blk.RO') ? 12 : 0),
  draw(view, draw) {
    const capacity = view.facts.values.capacity as number;
    const at = chance(draw, 20) ? capacity - 1 : sector(draw);
    const sectors = at === capacity - 1 ? 1 : between(draw, 1, 3);
    const each = chance(draw, 30) ? { each: 512 } : {};
    const cut = chance(draw, 30) ? { cut: { r: [pick(draw, [1, 8, 15])] } } : {};
    const indirect = view.indirect ? { indirect: true } : {};
    const write = step('blk', { op: 'out', sector: at, sectors, pattern: draw.int(1000), ...each, ...indirect });
    const read = step('blk', { op: 'in', sector: at, sectors, ...cut, ...indirect });
    return chance(draw, 50) ? [write, read] : [write];
  },
};

/** Every other command, with the status that the features imply. */
export const command: Strategy = {
  name: 'blk-command',
  focus: 'rings',
  weight: (view) => (calm(view) ? 8 : 0),
  draw(view, draw) {
    const kind = pick(draw, ['flush', 'get-id', 'unknown', 'discard', 'write-zeroes', 'beyond', 'flags'] as const);
    const ranged = kind === 'discard' || kind === 'write-zeroes';
    if (kind === 'flush') {
      return [step('blk', { op: 'flush', expect: { status: has(view, 'blk.FLUSH') ? 'OK' : 'any' } })];
    }
    if (kind === 'get-id') return [step('blk', { op: 'get-id', expect: { status: 'any', data: 'any' } })];
    if (kind === 'unknown') {
      return [step('blk', { op: 'other', type: pick(draw, [0x7ffffff1, 0x1234567, 0xffffff]), ...(chance(draw, 50) ? { in: 512 } : {}), expect: { status: ['UNSUPP', 'IOERR'], data: 'any' } })];
    }
    if (kind === 'beyond') {
      const capacity = view.facts.values.capacity as number;
      const at = pick(draw, [capacity, capacity - 1, '0xffffffffffffffff', '0x80000000000000']);
      forgetSession(view);
      return [
        step('breach', { what: 'sector beyond the capacity' }),
        step('blk', { op: 'in', sector: at, sectors: 2, expect: { status: 'any', data: 'any', 'may-be-missing': true } }),
        step('reset'),
      ];
    }
    const op = kind === 'flags' ? pick(draw, ['discard', 'write-zeroes'] as const) : ranged ? kind : 'discard';
    const feature = op === 'discard' ? 'blk.DISCARD' : 'blk.WRITE_ZEROES';
    const flags = kind === 'flags' ? pick(draw, [2, 4, 0x80000000, 0xfffffffe]) : 0;
    const segments = [{ sector: sector(draw), num: 8, flags }];
    const negotiated = has(view, feature);
    const status = !negotiated || offers(view, 'blk.RO') ? 'any' : flags ? 'UNSUPP' : 'OK';
    const after = op === 'write-zeroes' && status === 'OK' ? [step('blk', { op: 'in', sector: segments[0].sector, sectors: 1, expect: { data: 'zeroes' } })] : [];
    return [step('blk', { op, segments, expect: { status } }), ...after];
  },
};

/** The write cache mode (5.2.5). */
export const writeback: Strategy = {
  name: 'blk-writeback',
  focus: 'config',
  weight: (view) => (view.facts.type === 'blk' && has(view, 'blk.CONFIG_WCE') && view.phase === 'running' && !view.breached ? 3 : 0),
  draw(view, draw) {
    if (!has(view, 'blk.FLUSH')) return [step('config', { field: 'writeback', 'one-of': [0, 1] })];
    const value = draw.int(2);
    return [step('config-write', { field: 'writeback', bytes: `0${value}` }), step('config', { field: 'writeback', equals: value })];
  },
};
