import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../specs/compile-cache.ts';
import { sweep, temporaryFolder } from './cache.ts';
import { entriesBelow, writeCpio } from './cpio.ts';
import { layOutGuest } from './guest-files.ts';
import { INIT_SCRIPT } from './init-script.ts';
import { LabError } from './lab-error.ts';
import { buildModules, MODULES, SOURCE_FOLDERS } from './modules.ts';
import { download, findKernel, type KernelPackages, USERLAND, unpack } from './packages.ts';
import { BUILD_TOOLS, RUN_TOOLS, requireTools, run } from './tools.ts';
import { extractVmlinux } from './vmlinux.ts';

/** Moves when the recipe changes in a way that the digest below does not see. */
const RECIPE = 1;

/** A guest that can be booted. */
export interface GuestImage {
  /** ELF image of the kernel. */
  kernel: string;
  initrd: string;
  /** As `uname -r` says. */
  release: string;
  /** Version of Debian's kernel packages. */
  version: string;
}

interface Stamp extends Pick<GuestImage, 'release' | 'version'> {
  key: string;
}

/** What the guest is made from on this side: another node or koffi asks for a new one. */
function key(): string {
  const koffi = join(PROJECT_ROOT, 'node_modules/koffi/package.json');
  if (!existsSync(koffi))
    throw new LabError('the lab needs the package koffi', 'npm ci (koffi is an optional dependency)');
  const { version } = JSON.parse(readFileSync(koffi, 'utf8')) as { version: string };
  const parts = [RECIPE, process.version, process.arch, version, INIT_SCRIPT, MODULES];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

const imageIn = (folder: string, { release, version }: Stamp): GuestImage => ({
  kernel: join(folder, 'vmlinux'),
  initrd: join(folder, 'initrd.cpio'),
  release,
  version,
});

/** The guest in the cache, or null when there is none that fits. */
export function cachedGuest(cache: string): GuestImage | null {
  const folder = join(cache, 'guest');
  try {
    const stamp = JSON.parse(readFileSync(join(folder, 'stamp.json'), 'utf8')) as Stamp;
    return stamp.key === key() ? imageIn(folder, stamp) : null;
  } catch (error) {
    if (error instanceof LabError) throw error;
    return null;
  }
}

/**
 * The guest of the lab: from the cache, or built from Debian's packages (about 40 s on two cores).
 * @param say hears one line for each part of the build
 * @throws LabError when tools, packages or the network are missing
 */
export async function ensureGuest(
  cache: string,
  say: (what: string) => void,
  signal?: AbortSignal,
): Promise<GuestImage> {
  requireTools(RUN_TOOLS);
  const cached = cachedGuest(cache);
  if (cached !== null) return cached;
  requireTools(BUILD_TOOLS);
  sweep(cache);
  const build = temporaryFolder(cache, 'build');
  try {
    return await buildGuest(cache, build, say, signal);
  } finally {
    rmSync(build, { recursive: true, force: true });
  }
}

async function buildGuest(
  cache: string,
  build: string,
  say: (what: string) => void,
  signal?: AbortSignal,
): Promise<GuestImage> {
  const packages = await findKernel();
  say(`download Debian's kernel ${packages.release} (${packages.version}), its source and tools`);
  const downloads = join(build, 'downloads');
  const all = [packages.image, ...packages.headers, packages.source, ...USERLAND];
  await download(downloads, all, signal);
  say('unpack');
  const root = (name: string) => join(build, name);
  await unpack(downloads, packages.image, root('kernel'), signal);
  for (const name of packages.headers) await unpack(downloads, name, root('headers'), signal);
  for (const name of USERLAND) await unpack(downloads, name, root('userland'), signal);
  const source = await unpackSource(packages, downloads, root('source'), signal);
  say('compile the vDPA modules');
  const modules = await buildModules({
    source,
    headers: root('headers'),
    headerPackage: packages.headers[0],
    work: root('modules'),
    signal,
  });
  say('put the guest together');
  await layOutGuest(root('root'), {
    userland: root('userland'),
    kernel: root('kernel'),
    release: packages.release,
    modules,
    packages: join(PROJECT_ROOT, 'node_modules'),
  });
  const guest = root('guest');
  mkdirSync(guest);
  const boot = readFileSync(join(root('kernel'), 'boot', `vmlinuz-${packages.release}`));
  writeFileSync(join(guest, 'vmlinux'), extractVmlinux(boot));
  writeCpio(join(guest, 'initrd.cpio'), guestEntries(root('root')));
  const stamp: Stamp = { key: key(), release: packages.release, version: packages.version };
  writeFileSync(join(guest, 'stamp.json'), JSON.stringify(stamp));
  const place = join(cache, 'guest');
  rmSync(place, { recursive: true, force: true });
  renameSync(guest, place);
  return imageIn(place, stamp);
}

/** The console must exist before the guest mounts anything. */
function* guestEntries(root: string) {
  yield* entriesBelow(root);
  yield { name: 'dev/console', mode: 0o020600, device: [5, 1] as const };
}

async function unpackSource(
  packages: KernelPackages,
  downloads: string,
  root: string,
  signal?: AbortSignal,
): Promise<string> {
  await unpack(downloads, packages.source, root, signal);
  const archive = join(root, 'usr/src', `${packages.source}.tar.xz`);
  const folders = SOURCE_FOLDERS.map((folder) => `${packages.source}/${folder}`);
  await run('tar', ['-xJf', archive, '-C', root, ...folders], { signal });
  return join(root, packages.source);
}
