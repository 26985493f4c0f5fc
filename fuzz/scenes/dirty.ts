import { between, chance, pick } from '../draw.ts';
import { about, type DrawnStep, step } from '../strategy.ts';
import { can, fresh, offers, type Scene, up } from './scene.ts';

const READ = '00000000 00000000 00000000 00000000';
const log = (args: Record<string, unknown>) => step('dirty-log', args);

/** What the device writes while it is tracked is marked, and stays marked; nothing is marked afterwards. */
export const tracking: Scene = {
  name: 'tracking',
  weight: 2,
  fits: (facts) => can(facts, 'dirty', 'track'),
  draw(view, draw) {
    const { type } = view.facts;
    const commands = type === 'net' && offers(view.facts, 'net.CTRL_VQ', 'net.CTRL_RX');
    const page = fresh(view, 'page');
    const work = (): DrawnStep[] => {
      const as = fresh(view, 'tracked');
      // A store that ends a little behind the end of a page, or begins a little before it.
      const head = pick(draw, [1, 100, 511, 4095]);
      if (type === 'blk' && chance(draw, 50)) {
        const size = pick(draw, [512, 4096, 8192]);
        const parts = chance(draw, 50)
          ? [{ w: size + 1, in: page }]
          : [{ w: Math.min(head, size - 1) }, { w: size - Math.min(head, size - 1), in: page }, { w: 1 }];
        return [
          step('submit', { as, parts: [{ r: READ }, ...parts], kick: 'yes' }),
          step('quiet'),
          step('used', { as, 'last-byte': 0 }),
        ];
      }
      if (commands && chance(draw, 40)) {
        const parts = [{ r: '00 00 01' }, { w: 1, in: page }];
        return [step('submit', { queue: 2, as, parts, kick: 'yes' }), step('quiet'), step('used', { as })];
      }
      return [step('exchange', { rounds: between(draw, 1, 3) })];
    };
    const buffers = about('VDPA-101', log({ marked: 'buffers' }));
    const rings = about('VDPA-102', log({ marked: 'rings' }));
    const again = chance(draw, 40)
      ? [log({ start: true }), ...work(), log({ stop: true }), about('VDPA-103', log({ marked: 'all' }))]
      : [];
    const stopped =
      again.length === 0 && chance(draw, 40) ? [step('queue', { queue: 'tx', ready: false })] : [];
    return [
      up(view, draw, { size: 16, features: commands ? ['net.CTRL_VQ', 'net.CTRL_RX'] : [] }),
      step('exchange', {}),
      step('memory', { as: page, size: 12288, perm: 'rw' }),
      log({ start: true, anew: true }),
      ...work(),
      ...stopped,
      log({ stop: true }),
      buffers,
      rings,
      about('VDPA-103', log({ marked: 'all' })),
      ...again,
      ...(stopped.length === 0 ? [step('exchange', {}), about('VDPA-104', log({ still: true }))] : []),
    ];
  },
};
