import { rmSync } from 'node:fs';
import { makeFolder } from '../../specs/make-folder.ts';
import { cacheFolder, sweep, temporaryFolder } from '../lab/cache.ts';
import type { LabDevice } from '../lab/devices.ts';
import { ensureGuest } from '../lab/guest-image.ts';
import { chooseAccelerator, type MachineOptions } from '../lab/machine.ts';
import { prepareSuite } from '../lab/suite-folder.ts';
import type { CommandContext } from './context.ts';

export interface LabOptions {
  /** Folder for what is kept between runs. */
  cache?: string;
  quiet?: boolean;
  json?: boolean;
}

/** Tells what the lab does on standard error: one line each. */
export function teller({ err }: CommandContext, options: LabOptions): (what: string) => void {
  const begun = performance.now();
  return (what) => {
    if (options.quiet || options.json) return;
    err.write(`lab: ${what} (${((performance.now() - begun) / 1000).toFixed(1)} s)\n`);
  };
}

/** Abort with the first SIGINT or SIGTERM. */
export async function interruptible<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    return await action(interrupt.signal);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/** Do something with one guest that has `device`; its folder is removed afterwards. */
export async function withMachine<T>(
  device: LabDevice,
  options: LabOptions,
  context: CommandContext,
  action: (machine: MachineOptions) => Promise<T>,
): Promise<T> {
  const cache = cacheFolder(options.cache);
  makeFolder(cache);
  sweep(cache);
  const image = await interruptible((signal) => ensureGuest(cache, teller(context, options), signal));
  const share = temporaryFolder(cache, 'run', 0);
  try {
    const accelerator = chooseAccelerator(image, cache);
    return await action({ image, accelerator, device, suite: await prepareSuite(cache), share });
  } finally {
    rmSync(share, { recursive: true, force: true });
  }
}
