import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { sampleResults } from '../sample.ts';
import { htmlReport } from './html.ts';

const CHROMIUM = '/usr/bin/chromium';
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };

const textOf = async (locator: Locator): Promise<string> => (await locator.textContent()) ?? '';

const missing = !existsSync(CHROMIUM) && !process.env.CI;
if (missing)
  console.warn(`The report is not tested in a browser: ${CHROMIUM} is missing (apt-get install chromium).`);

const FAILING = `#/result/2/${encodeURIComponent('split-used/length-at-most-written:ring=split;size=8;dir=in')}`;
const PACKED = `#/result/2/${encodeURIComponent('packed/used-wrap:ring=packed;size=12;n=2')}`;
const VIEWS = [
  '#/overview',
  '#/requirements',
  '#/cases',
  '#/skipped',
  '#/legend',
  '#/requirement/V1.1-2.1.2-D1',
  '#/case/packed%2Fused-wrap',
  FAILING,
  PACKED,
];

describe.skipIf(missing)('the report in a browser', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'vdpa-cts-report-'));
  const sample = join(folder, 'sample.html');
  const large = join(folder, 'large.html');
  let browser: Browser;

  beforeAll(async () => {
    writeFileSync(sample, htmlReport(sampleResults()));
    writeFileSync(large, htmlReport(sampleResults({ repeat: 7, complete: false })));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Open the report; the test fails on any error or request of the page. */
  async function open(hash: string, options: BrowserContextOptions = {}, file = sample): Promise<Page> {
    const context = await browser.newContext({ viewport: WIDE, ...options });
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('request', (request) => {
      if (!/^(file|data|blob):/.test(request.url())) errors.push(`a request to ${request.url()}`);
    });
    onTestFinished(async () => {
      await context.close();
      expect(errors).toEqual([]);
    });
    await page.goto(pathToFileURL(file).href + hash);
    await page.waitForSelector('main h1');
    return page;
  }

  /** Go to another view of the open page and wait until it stands. */
  async function visit(page: Page, view: string): Promise<void> {
    await page.evaluate((hash) => {
      location.hash = hash;
    }, view);
    await page.waitForFunction((hash) => document.querySelector('main')?.dataset.place === hash, view);
  }

  const state = (page: Page) => textOf(page.locator('.filter-state'));
  const overflow = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

  test('begins with the verdict, coverage and what went wrong, worst first', async () => {
    const page = await open('');
    expect(await textOf(page.locator('main h1'))).toContain('FAIL');
    expect(await textOf(page.locator('.figures'))).toMatch(/\d+ of \d+ decided/);
    expect(await textOf(page.locator('.rules li').first())).toMatch(/crash.*INV-ALIVE/);
    expect(await textOf(page.locator('.problems .card').first())).toContain('hang');
    expect(await textOf(page.locator('.problems').nth(1))).toMatch(/Resilience findings[\s\S]*crash/);
  });

  test('filters by verdict and keeps the filter in the address', async () => {
    const page = await open('#/requirements');
    const all = await page.locator('.row-id').count();
    await page.locator('.toggle.v-fail').click();
    await page.waitForFunction((n) => document.querySelectorAll('.row-id').length < n, all);
    expect(await page.locator('.row-id').count()).toBe(4);
    expect(page.url()).toContain('#/requirements?verdict=fail');
    await page.reload();
    await page.waitForSelector('.row-id');
    expect(await page.locator('.toggle.v-fail').getAttribute('aria-pressed')).toBe('true');
    expect(await state(page)).toMatch(/^4 of \d+ requirements/);
    await page.getByRole('button', { name: 'Clear the filter' }).click();
    await page.waitForFunction((n) => document.querySelectorAll('.row-id').length === n, all);
  });

  test('filters by level, scope and target together', async () => {
    const page = await open('#/requirements');
    await page.getByLabel('Level').selectOption('MUST');
    await page.getByLabel('Scope').selectOption('split');
    await page.getByLabel('Target').selectOption({ label: 'simulator-net' });
    const levels = await page.locator('.row-id .level').allTextContents();
    expect(new Set(levels)).toEqual(new Set(['MUST']));
    expect(page.url()).toContain('level=MUST&scope=split&target=0');
  });

  test('searches ids, summaries and case ids from the keyboard', async () => {
    const page = await open('#/requirements');
    await page.keyboard.press('/');
    await page.keyboard.type('packed/used-wrap');
    await page.waitForFunction(() => document.querySelectorAll('.row-id').length === 2);
    expect(await page.locator('.row-id a').allTextContents()).toContain('P1.1-002');
    await page.getByRole('searchbox').fill('nothing has these words');
    await page.waitForSelector('.none-found');
  });

  test('leads from the matrix to a requirement and back to where one was', async () => {
    const page = await open('#/requirements?q=wrap+counter');
    await page.getByRole('link', { name: 'P1.1-002', exact: true }).click();
    await page.waitForSelector('.case-block');
    expect(await textOf(page.locator('main'))).toMatch(/seeded defect/);
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
    await page.goBack();
    await page.waitForSelector('.matrix');
    expect(await page.getByRole('searchbox').inputValue()).toBe('wrap counter');
  });

  test('shows a failing case with steps, expected against actual, pictures and transcript', async () => {
    const page = await open('');
    await page.getByRole('link', { name: 'The used length counts only what the device wrote' }).click();
    await page.waitForSelector('article.result');
    expect(await textOf(page.locator('.expected').nth(1))).toContain(
      'or 12, when the device reports an error',
    );
    expect(await textOf(page.locator('.actual').first())).toContain('76 bytes stored');
    expect(await page.locator('.step-failing').allTextContents()).toHaveLength(2);
    expect(await page.locator('.ring svg').count()).toBe(2);
    expect(await page.locator('.cell-wrong').count()).toBe(1);
    expect(await page.locator('.store-allowed').count()).toBeGreaterThan(5);
    expect(await textOf(page.locator('.lane-marked'))).toContain('0x100a2 = 0x2');
  });

  test('marks forbidden stores and both positions of a packed ring', async () => {
    const page = await open(PACKED);
    expect(await page.locator('.store-forbidden').count()).toBe(3);
    expect(await page.locator('.cell-marker').allTextContents()).toEqual(['▼ driver next', '▲ device next']);
    expect(await page.locator('svg[role=img]').first().getAttribute('aria-label')).toContain(
      'slot 10 available by b3',
    );
  });

  test('copies the replay command', async () => {
    const page = await open(FAILING, { permissions: ['clipboard-read', 'clipboard-write'] });
    const button = page.getByRole('button', { name: 'Copy the replay command' });
    await button.click();
    await page.waitForFunction(() => document.querySelector('.command button')?.textContent === 'Copied');
    expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/^npx vdpa-cts run --target/);
  });

  test('tells apart hangs without a history', async () => {
    const page = await open(
      `#/result/2/${encodeURIComponent('net-control/reset-while-busy:ring=split;busy=64')}`,
    );
    const text = await textOf(page.locator('main'));
    expect(text).toContain('no end within 5000 ms');
    expect(text).toContain('No history was kept');
    expect(text).toContain('After a reset the device must show a device status of 0.');
  });

  test('groups skipped instances by reason', async () => {
    const page = await open('#/skipped?q=in_order');
    const group = page.locator('.skip-group', { hasText: 'VIRTIO_F_IN_ORDER is not offered' }).first();
    await group.locator('summary').click();
    expect(await group.locator('.skip-cases a').count()).toBeGreaterThan(0);
  });

  test.each(['light', 'dark'] as const)('fits a phone in every view, %s', async (colorScheme) => {
    const page = await open('', { viewport: PHONE, colorScheme });
    for (const view of VIEWS) {
      await visit(page, view);
      expect(await overflow(page), view).toBeLessThanOrEqual(0);
    }
  });

  test.each(['light', 'dark'] as const)('has enough contrast in every view, %s', async (colorScheme) => {
    const page = await open('', { colorScheme });
    for (const view of VIEWS) {
      await visit(page, view);
      expect(await page.evaluate(poorContrast), view).toEqual([]);
    }
  });

  test('lays out only a part of a large run, and says that it is incomplete', async () => {
    const page = await open('', {}, large);
    expect(await textOf(page.locator('.incomplete'))).toContain('Incomplete run');
    expect(await textOf(page.locator('.run-mark'))).toBe('FAIL, INCOMPLETE');
    for (const view of VIEWS) {
      await visit(page, view);
      expect(await page.evaluate(() => document.querySelectorAll('*').length), view).toBeLessThan(20_000);
    }
    await visit(page, '#/cases');
    expect(await page.locator('.row-case').count()).toBe(120);
    await page.getByRole('button', { name: /Show \d+ more cases/ }).click();
    await page.waitForFunction(() => document.querySelectorAll('.row-case').length > 200);
  });

  test('prints everything, whatever is folded', async () => {
    const page = await open('');
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
    expect(await page.locator('.row-id').count()).toBe(sampleResults().requirements.length);
    expect(await page.locator('.legend').count()).toBe(1);
    await page.evaluate(() => dispatchEvent(new Event('afterprint')));
    expect(await page.locator('.legend').count()).toBe(0);
  });
});

/** Texts whose contrast is below 4.5 : 1, measured in the page. Runs in the browser: it uses nothing from outside. */
function poorContrast(): string[] {
  const parse = (colour: string) =>
    (/rgba?\(([^)]+)\)/.exec(colour)?.[1] ?? '0,0,0,0').split(/[ ,/]+/).map(Number);
  const light = (colour: number[]) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (element: Element | null): number[] => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = new Set<string>();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement!;
    if (
      !node.textContent?.trim() ||
      element.closest('svg, script, style, noscript, option') ||
      !element.checkVisibility()
    )
      continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(groundOf(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5)
      poor.add(
        `${element.className || element.tagName}: ${node.textContent.trim().slice(0, 20)} ${ratio.toFixed(2)}`,
      );
  }
  return [...poor];
}
