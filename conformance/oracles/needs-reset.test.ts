import { describe, expect, it } from 'vitest';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { HistoryEvent } from '../history/events.ts';
import { HISTORY_VERSION } from '../history/history.ts';
import { needsReset } from './needs-reset.ts';

const RUNNING = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK | STATUS.DRIVER_OK;
const BROKEN = RUNNING | STATUS.DEVICE_NEEDS_RESET;
const op = (name: string, a: unknown[], r?: unknown) => ({ k: 'op', op: name, a, r }) as HistoryEvent;
const listens = op('setConfigCb', [true]);
const shows = op('getStatus', [], BROKEN);
const idle = { k: 'pump', n: 0, idle: true } as HistoryEvent;
const told = { k: 'config-irq', status: BROKEN } as HistoryEvent;

const judge = (...events: HistoryEvent[]) =>
  needsReset({
    version: HISTORY_VERSION,
    case: { id: 'x', requirements: [], class: 'conformance' },
    target: { name: 'x', type: 'blk', options: {} },
    seed: 0,
    poison: 0,
    features: [],
    steps: [],
    events,
  }).map(({ requirement }) => requirement);

describe('a device that needs a reset', () => {
  it('has to tell it', () => {
    expect(judge(listens, shows, idle)).toEqual(['V1.1-2.1.2-D4']);
    expect(judge(listens, shows, told, idle)).toEqual([]);
    expect(judge(shows, idle)).toEqual([]);
  });

  it('may take its time until it is idle', () => {
    expect(judge(listens, shows)).toEqual([]);
    expect(judge(listens, idle, shows)).toEqual([]);
  });

  it('is not one to which the driver wrote the bit', () => {
    expect(judge(listens, op('setStatus', [BROKEN]), shows, idle)).toEqual([]);
    expect(judge(listens, op('setStatus', [BROKEN]), op('reset', [], 0), listens, shows, idle)).toEqual([
      'V1.1-2.1.2-D4',
    ]);
  });
});
