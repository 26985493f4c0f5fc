import { configFields } from '../../specs/virtio-1.1/config-space.ts';
import { between, chance, pick } from '../draw.ts';
import { type Strategy, step } from '../strategy.ts';

/** Read fields, or any bytes inside the space. */
export const readConfig: Strategy = {
  name: 'read-config',
  focus: 'config',
  weight: () => 3,
  draw(view, draw) {
    const size = view.facts.values.config_size as number;
    if (size === 0 || chance(draw, 25)) {
      const beyond = step('config-beyond', {
        at: pick(draw, [0, 1, 4, -1, -4096]),
        size: pick(draw, [1, 8, 64, 4096]),
      });
      const extent = { ...step('config-extent'), for: 'VDPA-054' };
      return [pick(draw, [step('config-sweep'), extent, { ...beyond, for: 'VDPA-053' }])];
    }
    const fields = configFields(view.facts.type).filter((field) => field.offset + field.width <= size);
    if (fields.length === 0 || chance(draw, 40)) {
      const at = draw.int(size);
      return [step('config', { at, size: between(draw, 1, size - at) })];
    }
    const { field, width } = pick(draw, fields);
    const pieces = width > 2 && chance(draw, 40) ? { pieces: pick(draw, [1, 2, width >> 1]) } : {};
    return [step('config', { field, ...pieces })];
  },
};

/** Write anywhere: read-only fields, beyond the end. */
export const writeConfig: Strategy = {
  name: 'write-config',
  focus: 'config',
  breach: true,
  weight: () => 1,
  draw(view, draw) {
    const size = view.facts.values.config_size as number;
    view.breached = true;
    const bytes = Array.from({ length: between(draw, 1, 8) }, () =>
      draw.int(256).toString(16).padStart(2, '0'),
    ).join('');
    return [
      step('breach', { what: 'write to the configuration space' }),
      step('config-write', { at: draw.int(size + 16), bytes }),
      ...(size > 0 && chance(draw, 50) ? [step('config', { at: 0, size })] : []),
    ];
  },
};

/** The device changes its configuration. */
export const changeConfig: Strategy = {
  name: 'change-config',
  focus: 'config',
  weight: (view) =>
    view.facts.abilities.includes('cfg-change') &&
    view.facts.type === 'blk' &&
    view.phase === 'running' &&
    !view.suspended
      ? 2
      : 0,
  draw: (_, draw) => [
    step('generation'),
    step('backend', {
      'change-config': {
        field: 'topology.opt_io_size',
        add: between(draw, 1, 9),
        times: pick(draw, [1, 1, 2, 256]),
      },
    }),
    step('generation'),
    step('quiet'),
  ],
};
