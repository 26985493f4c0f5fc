import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../specs/make-folder.ts';
import { closestName } from '../../specs/virtio-1.1/features.ts';
import { judge } from '../judge.ts';
import { cacheFolder, sweep, temporaryFolder } from '../lab/cache.ts';
import { LAB_DEVICES } from '../lab/devices.ts';
import { ensureGuest } from '../lab/guest-image.ts';
import { chooseAccelerator } from '../lab/machine.ts';
import { RemoteWorker } from '../lab/remote-worker.ts';
import { replayInGuest } from '../lab/replay.ts';
import { prepareSuite } from '../lab/suite-folder.ts';
import type { WorkerTask } from '../runner/protocol.ts';
import { openCatalogue } from './catalogue.ts';
import { type CommandContext, EXIT, UsageError } from './context.ts';
import { interruptible, type LabOptions, teller, withMachine } from './lab-guest.ts';
import { readHistory, reportJudgement } from './replay.ts';
import { type RunOptions, runCommand } from './run.ts';

export interface LabRunOptions extends Omit<RunOptions, 'target'>, LabOptions {
  device?: string[];
  /** Shell commands for each guest before its cases. */
  before?: string[];
}

/** Milliseconds that one case may take in an emulated guest before it is a hang. */
const TIMEOUT_MS = 60_000;

const PREFIX = 'lab:';

/** Name of a lab device as a target in reports. */
const targetOf = (device: string) => `${PREFIX}${device}`;
const deviceOf = (target: string) => LAB_DEVICES[target.slice(PREFIX.length)];

/** `vdpa-cts lab build`: build the guest, so that the next run starts at once. */
export async function labBuildCommand(options: LabOptions, context: CommandContext): Promise<number> {
  const cache = cacheFolder(options.cache);
  makeFolder(cache);
  const image = await interruptible((signal) => ensureGuest(cache, teller(context, options), signal));
  const { release, version } = image;
  if (options.json) context.out.write(`${JSON.stringify({ release, version, cache })}\n`);
  else context.out.write(`guest with Linux ${release} (${version}) in ${cache}\n`);
  return EXIT.CLEAN;
}

/** `vdpa-cts lab clean`: remove everything that the lab keeps. */
export function labCleanCommand(options: LabOptions, context: CommandContext): number {
  const cache = cacheFolder(options.cache);
  const there = existsSync(cache);
  rmSync(cache, { recursive: true, force: true });
  context.out.write(there ? `removed ${cache}\n` : `there is nothing in ${cache}\n`);
  return EXIT.CLEAN;
}

/** `vdpa-cts lab devices`: what can be tested in the lab. */
export function labDevicesCommand(options: LabOptions, context: CommandContext): number {
  for (const [name, { description }] of Object.entries(LAB_DEVICES))
    context.out.write(
      options.json ? `${JSON.stringify({ name, description })}\n` : `${name}  ${description}\n`,
    );
  return EXIT.CLEAN;
}

/** @throws UsageError when a device does not exist */
function checkDevices(devices: readonly string[]): void {
  const names = Object.keys(LAB_DEVICES);
  if (devices.length === 0)
    throw new UsageError('no device is named', `--device ${names.join('|')}; repeatable`);
  for (const device of devices) {
    if (device in LAB_DEVICES) continue;
    const near = closestName(device, names);
    throw new UsageError(
      `the lab has no device ${device}`,
      near ? `did you mean ${near}?` : `it has: ${names.join(', ')}`,
    );
  }
}

/** `vdpa-cts lab run`: run cases against devices of a Linux kernel in guests, and report as `run` does. */
export async function labRunCommand(options: LabRunOptions, context: CommandContext): Promise<number> {
  const { device: devices = [], cache: named, before, ...rest } = options;
  checkDevices(devices);
  const cache = cacheFolder(named);
  makeFolder(cache);
  sweep(cache);
  const say = teller(context, options);
  const image = await interruptible((signal) => ensureGuest(cache, say, signal));
  const accelerator = chooseAccelerator(image, cache);
  const suite = await prepareSuite(cache);
  say(`boot Linux ${image.release} with ${accelerator === 'kvm' ? 'KVM' : 'emulation (TCG)'}`);
  const consoles = join(options.out ?? 'out', 'consoles');
  rmSync(consoles, { recursive: true, force: true });
  const jobs = options.jobs ?? Math.max(devices.length, availableParallelism());
  const catalogue = openCatalogue(options.catalogue);
  let machines = 0;
  const folders: string[] = [];
  const start = (task: WorkerTask) => {
    const share = temporaryFolder(cache, 'run', machines++);
    folders.push(share);
    return new RemoteWorker({
      image,
      accelerator,
      suite,
      share,
      task,
      catalogue,
      device: deviceOf(task.target),
      name: task.target,
      before,
      keepConsole: (at, text) =>
        keepConsole(consoles, `${task.target.slice(PREFIX.length)}-${task.shard}-${at}`, text),
    });
  };
  const end = () => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  };
  const run = { ...rest, jobs, target: devices.map(targetOf), timeout: options.timeout ?? TIMEOUT_MS };
  return await runCommand(run, context, {
    start,
    end,
    replay: 'lab replay',
    again: (target) => `lab run --device ${target.slice(PREFIX.length)}`,
  });
}

/** `vdpa-cts lab replay HISTORY`: run the steps of a history again, on the same device in a fresh guest. */
export async function labReplayCommand(
  path: string,
  options: LabOptions,
  context: CommandContext,
): Promise<number> {
  const recorded = readHistory(path);
  const { name } = recorded.target;
  if (!name.startsWith(PREFIX) || deviceOf(name) === undefined)
    throw new UsageError(
      `${path} was recorded on ${name}, not in the lab`,
      'replay it with `vdpa-cts replay`',
    );
  return withMachine(deviceOf(name), options, context, async (machine) => {
    const history = { ...recorded, events: await replayInGuest(recorded, machine) };
    return reportJudgement(history, judge(history), options, context);
  });
}

/** Keep what the console of a guest said; returns the file. */
function keepConsole(folder: string, name: string, text: string): string {
  makeFolder(folder);
  const file = join(folder, `${name}.log`);
  writeFileSync(file, text);
  return file;
}
