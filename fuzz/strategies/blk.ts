import { bitMask } from '../../specs/virtio-1.1/features.ts';
import { between, chance, type Draw, pick } from '../draw.ts';
import { about, type Strategy, step, together } from '../strategy.ts';
import { forgetSession, type View } from '../view.ts';

const has = (view: View, feature: string) => view.features.includes(feature);
const offers = (view: View, feature: string) => (view.offered & bitMask([feature])) !== 0n;
/** Requests that are waited for need an idle queue and a session in which the driver kept the rules. */
const calm = (view: View) =>
  view.facts.type === 'blk' &&
  view.phase === 'running' &&
  !view.suspended &&
  !view.breached &&
  view.num >= 4 &&
  (view.facts.values.capacity as number) > 0 &&
  (view.load[0] ?? 0) === 0;
const expect = { status: 'model' };
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
    const write = step('blk', {
      op: 'out',
      sector: at,
      sectors,
      pattern: draw.int(1000),
      ...each,
      ...indirect,
      expect,
    });
    const read = step('blk', { op: 'in', sector: at, sectors, ...cut, ...indirect, expect });
    return chance(draw, 50) ? [write, read] : [write];
  },
};

/** Every other command; the model says which statuses are right. */
export const command: Strategy = {
  name: 'blk-command',
  focus: 'rings',
  weight: (view) => (calm(view) ? 8 : 0),
  draw(view, draw) {
    const op = pick(draw, [
      'flush',
      'get-id',
      'other',
      'in',
      'discard',
      'discard',
      'write-zeroes',
      'write-zeroes',
    ] as const);
    const capacity = view.facts.values.capacity as number;
    switch (op) {
      case 'other':
        return [
          step('blk', {
            op,
            type: pick(draw, [0x7ffffff1, 0x1234567, 0xffffff]),
            ...(chance(draw, 50) ? { in: 512 } : {}),
            expect,
          }),
        ];
      case 'in': {
        const at = pick(draw, [capacity, capacity - 1, '0xffffffffffffffff', '0x80000000000000']);
        forgetSession(view);
        return [
          step('breach', { what: 'sector beyond the capacity' }),
          step('blk', { op, sector: at, sectors: 2, expect }),
          step('reset'),
        ];
      }
      case 'discard':
      case 'write-zeroes': {
        const flags = chance(draw, 50) ? pick(draw, [1, 1, 2, 4, 0x100, 0x80000000, 0xfffffffe]) : 0;
        const at = sector(draw);
        const segments = [{ sector: at, num: 8, flags }];
        const after =
          op === 'write-zeroes' ? [step('blk', { op: 'in', sector: at, sectors: 1, expect })] : [];
        return [step('blk', { op, segments, expect }), ...after];
      }
      default:
        return [step('blk', { op, ...(op === 'get-id' ? { in: 20 } : {}), expect })];
    }
  },
};

/** The write cache mode (5.2.5). */
export const writeback: Strategy = {
  name: 'blk-writeback',
  focus: 'config',
  weight: (view) =>
    view.facts.type === 'blk' &&
    has(view, 'blk.CONFIG_WCE') &&
    has(view, 'blk.FLUSH') &&
    view.phase === 'running' &&
    !view.breached
      ? 3
      : 0,
  draw: (_, draw) => {
    const mode = draw.int(2);
    return together(
      step('config-write', { field: 'writeback', bytes: `0${mode}` }),
      about('P1.1-026e', step('config', { field: 'writeback', equals: mode })),
    );
  },
};
