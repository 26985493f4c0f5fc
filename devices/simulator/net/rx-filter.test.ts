import { describe, expect, it } from 'vitest';
import { macKey, RxFilter, type RxMode } from './rx-filter.ts';
import { t4, tagged, to } from './test-frames.ts';
import { hex } from './test-rig.ts';

const OWN = '525400123456';
const FOREIGN = '020000000077';
const NEAR = '5254001234a9';
const MULTI = '01005e0000fb';
const BROADCAST = 'ffffffffffff';

function filterWith(...modes: RxMode[]): RxFilter {
  const filter = new RxFilter();
  filter.reset(macKey(hex(OWN)));
  for (const mode of modes) filter.setMode(mode, true);
  return filter;
}

/** Which of own, foreign, almost own, multicast and broadcast pass. */
function passes(filter: RxFilter): string {
  const frame = t4(8, '0000', '0000');
  const one = (mac: string) => (filter.accepts(to(mac, frame), frame.length) ? '1' : '0');
  return [OWN, FOREIGN, NEAR, MULTI, BROADCAST].map(one).join('');
}

describe('RxFilter', () => {
  it.each<[RxMode[], string]>([
    [[], '10001'],
    [['promisc'], '11111'],
    [['promisc', 'nomulti', 'nouni', 'nobcast'], '11111'],
    [['allmulti'], '10011'],
    [['alluni'], '11101'],
    [['nomulti'], '10001'],
    [['allmulti', 'nomulti'], '10001'],
    [['nouni'], '00001'],
    [['alluni', 'nouni'], '00001'],
    [['nobcast'], '10000'],
    [['allmulti', 'nobcast'], '10010'],
  ])('modes %j let %s pass', (modes, expected) => {
    expect(passes(filterWith(...modes))).toBe(expected);
  });

  it('remembers a mode under another one', () => {
    const filter = filterWith('nomulti', 'allmulti');
    expect(passes(filter)).toBe('10001');
    filter.setMode('nomulti', false);
    expect(passes(filter)).toBe('10011');
  });

  it('looks in both tables, by kind of address', () => {
    const filter = filterWith();
    filter.setTables(new Set([macKey(hex(FOREIGN))]), new Set([macKey(hex(MULTI))]));
    expect(passes(filter)).toBe('11011');
    filter.setMode('nouni', true);
    expect(passes(filter)).toBe('00011');
    filter.setTables(new Set(), new Set());
    filter.setMode('nouni', false);
    expect(passes(filter)).toBe('10001');
  });

  it('filters VLANs exactly, when asked to', () => {
    const filter = filterWith();
    const frame = to(OWN, t4(8, '0000', '0000'));
    const takes = (vid: number) => filter.accepts(tagged(vid, frame), frame.length + 4);
    expect(takes(5)).toBe(true);
    filter.vlanFiltering = true;
    expect(takes(5)).toBe(false);
    filter.addVlan(5);
    filter.addVlan(0);
    filter.addVlan(4095);
    expect([0, 5, 6, 1285, 4095].map(takes)).toEqual([true, true, false, false, true]);
    expect(filter.accepts(frame, frame.length)).toBe(true);
    filter.addVlan(5);
    filter.removeVlan(5);
    expect([0, 5].map(takes)).toEqual([true, false]);
    filter.setMode('promisc', true);
    expect(takes(5)).toBe(true);
  });

  it('is empty after reset', () => {
    const filter = filterWith('promisc', 'allmulti');
    filter.setTables(new Set([macKey(hex(FOREIGN))]), new Set([macKey(hex(MULTI))]));
    filter.reset(macKey(hex(OWN)));
    expect(passes(filter)).toBe('10001');
  });
});
