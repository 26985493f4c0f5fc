import { describe, expect, it } from 'vitest';
import type { HistoryEvent } from './history/events.ts';
import type { History } from './history/history.ts';
import { judge } from './judge.ts';

const CASE = 'V1.1-2.6.5.3.2-D1';
const step = (args: object, more: object = {}) => ({ name: 'activity', args, at: 'steps[0]', ...more });

/** Each step looks at the activity of the device and sees one store too many, but for those in `right`. */
function history(controls: number[], right: number[] = []): History {
  return {
    version: 1,
    case: { id: 'some/case', requirements: [CASE], class: 'conformance' },
    target: { name: 'target', type: 'blk', options: {} },
    seed: 1,
    steps: [0, 1, 2].map((i) => step({ stores: 0 }, controls.includes(i) ? { control: true } : {})),
    events: [0, 1, 2].flatMap((i) => [
      { k: 'step', i },
      { k: 'obs', i, v: { stores: right.includes(i) ? 0 : 1, loads: 0, callbacks: 0, late: 0, config: 0 } },
    ]) as HistoryEvent[],
  } as unknown as History;
}
const seen = (h: History) => judge(h).findings.map(({ kind, step: at }) => `${kind} ${at}`);

describe('a control that failed', () => {
  it('takes the ground from what follows it', () => {
    expect(seen(history([1]))).toEqual(['broken 0', 'blocked 1']);
    expect(judge(history([0])).verdict).toBe('blocked');
  });

  it('changes nothing when it came through', () => {
    expect(seen(history([1], [1]))).toEqual(['broken 0', 'broken 2']);
    expect(judge(history([0], [0])).verdict).toBe('fail');
  });

  it('leaves rules that hold whatever came before', () => {
    const h = history([0]);
    (h.steps[2] as { for?: string }).for = 'INV-ALIVE';
    expect(seen(h)).toEqual(['blocked 0', 'broken 2']);
  });
});
