import { bitMask } from '../../specs/virtio-1.1/features.ts';
import { between, chance, type Draw, pick, weighted } from '../draw.ts';
import { type DrawnStep, type Strategy, step } from '../strategy.ts';
import { forgetSession, type Phase, type View } from '../view.ts';

const RING = ['RING_PACKED', 'EVENT_IDX', 'INDIRECT_DESC', 'IN_ORDER', 'NOTIFICATION_DATA'];
const NET = [
  'net.MRG_RXBUF',
  'net.CTRL_VQ',
  'net.CTRL_RX',
  'net.CSUM',
  'net.GUEST_CSUM',
  'net.MAC',
  'net.MTU',
  'net.STATUS',
];
const BLK = [
  'blk.FLUSH',
  'blk.CONFIG_WCE',
  'blk.DISCARD',
  'blk.WRITE_ZEROES',
  'blk.SEG_MAX',
  'blk.SIZE_MAX',
  'blk.BLK_SIZE',
];

const SPLIT_SIZES = [2, 4, 4, 8, 8, 16, 64];
const PACKED_SIZES = [2, 3, 4, 5, 7, 8, 8, 13, 16];

const TARGETS: readonly (readonly [number, Phase])[] = [
  [2, 'acknowledged'],
  [3, 'driver'],
  [4, 'features'],
  [4, 'queues'],
  [87, 'running'],
];
const NAME_OF: Record<Phase, string> = {
  reset: 'RESET',
  acknowledged: 'ACKNOWLEDGE',
  driver: 'DRIVER',
  features: 'FEATURES_OK',
  queues: 'QUEUES',
  running: 'DRIVER_OK',
};
const STATUS_OF: Record<Phase, number> = {
  reset: 0,
  acknowledged: 1,
  driver: 3,
  features: 11,
  queues: 11,
  running: 15,
};

/** Names that the device offers. */
const offeredOf = (view: View, names: readonly string[]) =>
  names.filter((name) => (view.offered & bitMask([name])) !== 0n);

/** The features that these imply, one level deep: enough for the names that are drawn. */
function closed(names: string[]): string[] {
  const needs: Record<string, string[]> = { 'net.CTRL_RX': ['net.CTRL_VQ'] };
  return [...new Set(names.flatMap((name) => [name, ...(needs[name] ?? [])]))];
}

/** Draw a bring-up and note what it leads to. */
export function bringUp(view: View, draw: Draw, to: Phase = weighted(draw, TARGETS)): DrawnStep {
  const wanted = [
    ...offeredOf(view, RING).filter((name) =>
      chance(draw, name === 'IN_ORDER' || name === 'NOTIFICATION_DATA' ? 20 : 50),
    ),
    ...offeredOf(view, view.facts.type === 'net' ? NET : BLK).filter(() => chance(draw, 40)),
  ];
  const features = closed(wanted);
  forgetSession(view);
  view.phase = to;
  view.status = STATUS_OF[to];
  view.features = features;
  view.packed = features.includes('RING_PACKED');
  view.eventIdx = features.includes('EVENT_IDX');
  view.indirect = features.includes('INDIRECT_DESC');
  view.inOrder = features.includes('IN_ORDER');
  view.num = Math.min(
    pick(draw, view.packed ? PACKED_SIZES : SPLIT_SIZES),
    view.facts.values.num_max as number,
  );
  const start =
    chance(draw, 15) && view.facts.abilities.includes('vq-state') ? startOf(view, draw) : undefined;
  return step('bring-up', { to: NAME_OF[to], features, size: view.num, ...(start ? { start } : {}) });
}

/** Near the wrap, or anywhere. */
function startOf(view: View, draw: Draw): { index: number; wrap?: number } {
  if (view.packed) return { index: draw.int(view.num), wrap: draw.int(2) };
  return { index: chance(draw, 70) ? 65536 - between(draw, 1, 2 * view.num) : draw.int(65536) };
}

export const restart: Strategy = {
  name: 'bring-up',
  focus: 'lifecycle',
  weight: (view) => (view.phase === 'running' && !view.breached ? 3 : 30),
  draw: (view, draw) => [bringUp(view, draw)],
};

export const reset: Strategy = {
  name: 'reset',
  focus: 'lifecycle',
  weight: (view) => (view.phase === 'reset' ? 1 : 3),
  draw(view, draw) {
    forgetSession(view);
    return Array.from({ length: chance(draw, 10) ? between(draw, 2, 6) : 1 }, () => step('reset'));
  },
};

/** Bring-up by single steps, each of them legal. */
export const stepwise: Strategy = {
  name: 'stepwise',
  focus: 'lifecycle',
  weight: (view) => (view.phase === 'running' || view.breached ? 0 : 6),
  draw(view) {
    switch (view.phase) {
      case 'reset':
        view.phase = 'acknowledged';
        return [step('status', { set: 1 }), step('status', { has: 0 })];
      case 'acknowledged':
        view.phase = 'driver';
        return [step('status', { set: 2 }), step('status', { has: 0 })];
      case 'queues':
        view.phase = 'running';
        return [step('status', { set: 4 }), step('status', { has: 0 })];
      default:
        return [step('status', { has: 0 })];
    }
  },
};

/** Prove that the device comes back: a whole session after whatever happened. */
export const recover: Strategy = {
  name: 'recover',
  focus: 'lifecycle',
  weight: (view) => (view.breached ? 25 : 1),
  draw(view) {
    forgetSession(view);
    view.phase = 'running';
    view.status = STATUS_OF.running;
    view.features = [];
    view.packed = view.eventIdx = view.indirect = view.inOrder = false;
    view.num = Math.min(64, view.facts.values.num_max as number);
    return [step('recover')];
  },
};

export const suspend: Strategy = {
  name: 'suspend',
  focus: 'lifecycle',
  weight: (view) =>
    view.phase === 'running' && view.facts.ops.includes('suspend') && !view.breached ? 4 : 0,
  draw(view, draw) {
    if (view.suspended) {
      view.suspended = false;
      return [step('resume'), step('kick', { queue: 'tx' })];
    }
    view.suspended = true;
    const look = step('vq-state', { queue: 'tx', error: 'any' });
    const save = chance(draw, 50) ? [look, look] : [];
    return [step('suspend'), ...save];
  },
};

export const readyToggle: Strategy = {
  name: 'ready-toggle',
  focus: 'lifecycle',
  weight: (view) => (view.phase === 'running' && !view.suspended ? 1 : 0),
  draw(view, draw) {
    view.breached = true;
    const queue = draw.int(2) === 0 ? 'tx' : 'rx';
    return [
      step('breach', { what: 'a live queue is disabled' }),
      step('queue', { queue, ready: false }),
      ...(chance(draw, 50) ? [step('queue', { queue, ready: true }), step('kick', { queue })] : []),
    ];
  },
  breach: true,
};
