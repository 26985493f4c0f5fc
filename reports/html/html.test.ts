import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Results } from '../results.ts';
import { sampleResults } from '../sample.ts';
import { NO_FILTER } from './client/filter.ts';
import { positionOf, ringCells } from './client/parts/ring-cells.ts';
import { hrefOf, parseHash } from './client/route.ts';
import { htmlReport } from './html.ts';

const sample = sampleResults();
const page = htmlReport(sample);

/** The results that a page holds. */
function embedded(html: string): Results {
  const [, type, text] = /<script type="([^"]+)" id="results">([^<]*)<\/script>/.exec(html)!;
  return JSON.parse(
    type === 'application/json' ? text : gunzipSync(Buffer.from(text, 'base64')).toString(),
  ) as Results;
}

/** A small run in which every text of the device is hostile. */
function hostile(): Results {
  const text = '</script><script>alert(1)</script><!--<script>&"\'\u2028';
  const result = { ...sample.results[0], reason: text, verdict: 'error' as const };
  return {
    ...sample,
    targets: [{ ...sample.targets[0], name: text, description: text }],
    requirements: [],
    cases: [],
    results: [result],
  };
}

describe('the HTML report', () => {
  test('holds the results, large ones compressed', () => {
    expect(embedded(page)).toEqual(sample);
    expect(page).toContain('type="application/gzip+base64"');
    expect(page.length).toBeLessThan(JSON.stringify(sample).length);
    const small = htmlReport({ ...sample, requirements: [], cases: [], results: [] });
    expect(small).toContain('type="application/json"');
  });

  test('needs nothing from the network', () => {
    expect(page).not.toMatch(/(?:src|href)="(?!data:|#)/);
    expect(page).not.toMatch(/@import|url\(["']?https?:/);
    expect(page).toContain("default-src 'none'");
  });

  test('lets no text of a device become markup', () => {
    const html = htmlReport(hostile());
    expect(html.match(/<script[ >]/g)).toHaveLength(2);
    expect(html).not.toContain('alert(1)</script>');
    expect(embedded(html)).toEqual(hostile());
  });

  test('tells the verdict without JavaScript', () => {
    const [, text] = /<noscript><pre>([\s\S]*?)<\/pre>/.exec(page)!;
    expect(text).toMatch(/^FAIL 1 crash/);
    expect(htmlReport(sampleResults({ complete: false }))).toContain('<title>FAIL, INCOMPLETE');
  });

  test('is the same for the same results', () => {
    expect(htmlReport(sampleResults())).toBe(page);
  });
});

describe('the address of a view', () => {
  test.each([
    hrefOf({ view: 'overview' }),
    hrefOf(
      { view: 'requirements' },
      { ...NO_FILTER, verdicts: ['fail', 'hang'], level: 'MUST NOT', text: 'used & len' },
    ),
    hrefOf({ view: 'requirement', id: 'V1.1-2.1.2-D1' }, { ...NO_FILTER, target: '2' }),
    hrefOf({ view: 'case', id: 'split-used/length' }),
    hrefOf(
      { view: 'result', target: 1, id: 'a/b:x="y/z";n=100%' },
      { ...NO_FILTER, scope: 'net', class: 'resilience' },
    ),
  ])('%s leads back to itself', (href) => {
    const { route, filter } = parseHash(href);
    expect(hrefOf(route, filter)).toBe(href);
  });

  test('that nobody knows is the overview', () => {
    for (const hash of ['', '#', '#content', '#/nowhere', '#/result/1', '#/requirement']) {
      expect(parseHash(hash).route).toEqual({ view: 'overview' });
    }
  });
});

describe('the drawing of a ring', () => {
  const queue = {
    queue: 0,
    packed: true,
    num: 256,
    driverPosition: 'slot 40',
    devicePosition: 'see the used descriptors',
  };

  test('keeps slots in use and positions, and sums up long runs of free slots', () => {
    const cells = ringCells(
      { ...queue, slots: [{ slot: 7, state: 'available', buffer: 'b0' }] },
      new Set([40]),
    );
    expect(cells.map((cell) => (cell.kind === 'gap' ? [cell.from, cell.count] : cell.slot.slot))).toEqual([
      [0, 7],
      7,
      [8, 32],
      40,
      [41, 215],
    ]);
  });

  test('finds positions in their texts', () => {
    expect(positionOf('slot 40', 256)).toBe(40);
    expect(positionOf('avail index 65535', 8)).toBe(7);
    expect(positionOf('see the used descriptors', 8)).toBeUndefined();
  });
});
