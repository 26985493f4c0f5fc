import { render } from 'preact';
import { App } from './app.tsx';
import { embeddedResults, reportOf } from './data.ts';

const root = document.getElementById('app')!;

async function start(): Promise<void> {
  const report = reportOf(await embeddedResults());
  const show = (printing: boolean) => render(<App report={report} printing={printing} />, root);
  root.replaceChildren();
  show(false);
  addEventListener('beforeprint', () => show(true));
  addEventListener('afterprint', () => show(false));
}

start().catch((error: unknown) => {
  root.textContent = `This report cannot be shown: ${error instanceof Error ? error.message : String(error)}. `;
  root.append('It needs a browser of 2023 or later.');
});
