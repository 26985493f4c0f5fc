import { gzipSync } from 'node:zlib';
import { summaryLines } from '../console.ts';
import type { Results } from '../results.ts';
import { runVerdict } from '../view/run-verdict.ts';
import { reportClient } from './client-bundle.ts';

/** From this size of the JSON on, results are embedded compressed. */
const COMPRESS_FROM = 100_000;

/** Nothing is ever fetched, whatever names and texts a device put into the results. */
const POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

/** JSON inside a script element: no `<`, so neither an end tag nor a comment can begin. */
const scriptJson = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

/** A closing tag inside a bundle would end its element; none has a use for one outside string literals. */
const inScript = (js: string): string => js.replace(/<(?=\/script|!--)/gi, '\\x3c');
const inStyle = (css: string): string => css.replace(/<(?=\/style)/gi, '\\3c ');

function dataElement(results: Results): string {
  const json = scriptJson(results);
  if (json.length < COMPRESS_FROM) return `<script type="application/json" id="results">${json}</script>`;
  const packed = gzipSync(JSON.stringify(results), { level: 6 }).toString('base64');
  return `<script type="application/gzip+base64" id="results">${packed}</script>`;
}

/** Results as one HTML file that needs no network: matrix, coverage, failures with pictures of ring and memory. */
export function htmlReport(results: Results): string {
  const { js, css } = reportClient();
  const { label } = runVerdict(results);
  const title = `${label} · ${results.targets.map(({ name }) => name).join(', ')} · vdpa-cts`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${inStyle(css)}</style>
</head>
<body>
<div id="app"><noscript><pre>${escapeHtml(summaryLines(results, false).join('\n'))}

The details of this report need JavaScript.</pre></noscript></div>
${dataElement(results)}
<script>${inScript(js)}</script>
</body>
</html>
`;
}
