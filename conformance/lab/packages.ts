import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from './lab-error.ts';
import { run } from './tools.ts';

/** Packages of the guest, found through Debian's own dependencies so that no kernel version is fixed. */
export interface KernelPackages {
  /** As `uname -r` says, e.g. the part after `linux-image-`. */
  release: string;
  /** Version of the kernel packages. */
  version: string;
  image: string;
  /** Headers of the architecture, headers common to all, and the build scripts. */
  headers: readonly string[];
  source: string;
}

/** What the guest needs besides its kernel: shell and boot tools, the `vdpa` command and its libraries. */
export const USERLAND = ['busybox-static', 'iproute2', 'libmnl0', 'libcap2'] as const;

const NO_APT =
  'the lab takes Debian packages from apt: run `apt-get update` on a Debian 12 or newer, with a network';

/** Names that `apt-cache depends` prints as plain dependencies. */
export function parseDepends(text: string): string[] {
  return [...text.matchAll(/^\s*\|?Depends: <?([^<>\s]+)>?\s*$/gm)].map(([, name]) => name);
}

/** Version that `apt-cache policy` would install, or null when there is none. */
export function parseCandidate(text: string): string | null {
  const version = /^\s*Candidate:\s*(\S+)/m.exec(text)?.[1];
  return version === undefined || version === '(none)' ? null : version;
}

async function dependency(name: string, pattern: RegExp): Promise<string> {
  const found = parseDepends(await run('apt-cache', ['depends', name])).find((one) => pattern.test(one));
  if (found === undefined) throw new LabError(`apt offers no package that ${name} stands for`, NO_APT);
  return found;
}

/**
 * Look up which kernel apt offers.
 * @throws LabError when it offers none, or for another architecture than amd64
 */
export async function findKernel(): Promise<KernelPackages> {
  const architecture = (await run('dpkg', ['--print-architecture'])).trim();
  if (architecture !== 'amd64')
    throw new LabError(`the lab runs on amd64 only, this machine is ${architecture}`, 'use another machine');
  const version = parseCandidate(await run('apt-cache', ['policy', 'linux-image-amd64']));
  if (version === null) throw new LabError('apt offers no linux-image-amd64', NO_APT);
  const image = await dependency('linux-image-amd64', /^linux-image-\d/);
  const release = image.replace('linux-image-', '').replace(/-unsigned$/, '');
  const headers = await dependency('linux-headers-amd64', /^linux-headers-\d/);
  const more = parseDepends(await run('apt-cache', ['depends', headers]));
  const source = await dependency('linux-source', /^linux-source-\d/);
  return {
    release,
    version,
    image,
    headers: [headers, ...more.filter((name) => /^linux-(?:headers|kbuild)-/.test(name))],
    source,
  };
}

/**
 * Download packages into `folder` without installing them, each into the file that {@link unpack} finds.
 * @throws LabError when apt has no network or does not know a package
 */
export async function download(
  folder: string,
  packages: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  try {
    await run('apt-get', ['download', '-q', ...packages], { cwd: folder, signal });
  } catch (error) {
    throw error instanceof LabError ? new LabError(error.message, NO_APT) : error;
  }
}

/** Unpack a downloaded package below `root`. */
export async function unpack(
  folder: string,
  name: string,
  root: string,
  signal?: AbortSignal,
): Promise<void> {
  const file = readdirSync(folder).find((one) => one.startsWith(`${name}_`) && one.endsWith('.deb'));
  if (file === undefined) throw new LabError(`${name} was not downloaded`, NO_APT);
  mkdirSync(root, { recursive: true });
  await run('dpkg', ['-x', join(folder, file), root], { signal });
}
