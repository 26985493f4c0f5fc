import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { INIT_SCRIPT } from './init-script.ts';
import { LabError } from './lab-error.ts';
import { run, which } from './tools.ts';

/** Modules of Debian's kernel package that the guest may load, by file name. */
const DEBIAN_MODULES = new Set(
  (
    'vhost vhost_iotlb irqbypass virtio virtio_ring virtio_pci virtio_pci_modern_dev virtio_pci_legacy_dev ' +
    'virtio_net net_failover failover virtio_blk 9p 9pnet 9pnet_virtio fscache netfs'
  ).split(' '),
);

/** Shared libraries that `ldd` lists, the loader included. */
export function parseLdd(text: string): string[] {
  return [...text.matchAll(/(?:=>\s*)?(\/\S+)\s+\(0x[0-9a-f]+\)/g)].map(([, path]) => path);
}

async function librariesOf(program: string, root: string): Promise<string[]> {
  const folders = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map((folder) => join(root, folder));
  const text = await run('ldd', [program], { env: { ...process.env, LD_LIBRARY_PATH: folders.join(':') } });
  const lost = /^\s*(\S+) => not found/m.exec(text)?.[1];
  if (lost !== undefined)
    throw new LabError(`${program} needs ${lost}`, `install the package that holds ${lost}`);
  return parseLdd(text);
}

/** Copy a program to `to` in the guest and the libraries it needs into `lib64`, where its loader looks for them. */
async function addProgram(guest: string, program: string, to: string, unpacked: string): Promise<void> {
  copyFileSync(program, join(guest, to));
  for (const library of await librariesOf(program, unpacked)) {
    const place = library.includes('/ld-linux')
      ? `lib64/${basename(library)}`
      : `lib/x86_64-linux-gnu/${basename(library)}`;
    if (!existsSync(join(guest, place))) copyFileSync(realpathSync(library), join(guest, place));
  }
}

function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Copy Debian's and our modules, and let busybox write the files that `modprobe` reads. */
async function addModules(
  guest: string,
  kernel: string,
  release: string,
  built: readonly string[],
): Promise<void> {
  const folder = join(guest, 'lib/modules', release);
  mkdirSync(folder, { recursive: true });
  const packed = ['lib/modules', 'usr/lib/modules'].map((one) => join(kernel, one, release)).find(existsSync);
  if (packed === undefined)
    throw new LabError(`the kernel package holds no modules of ${release}`, 'report it');
  const ours = new Set(built.map((file) => basename(file)));
  for (const file of filesBelow(packed)) {
    const found = /([^/]+)\.ko(\.xz)?$/.exec(file);
    if (found === null || !DEBIAN_MODULES.has(found[1]) || ours.has(`${found[1]}.ko`)) continue;
    copyFileSync(file, join(folder, basename(file)));
    if (found[2] !== undefined) await run('xz', ['-d', join(folder, basename(file))]);
  }
  for (const file of built) copyFileSync(file, join(folder, basename(file)));
  for (const name of ['modules.order', 'modules.builtin', 'modules.builtin.modinfo'])
    if (existsSync(join(packed, name))) copyFileSync(join(packed, name), join(folder, name));
  const { status, stderr } = spawnSync(join(guest, 'bin/busybox'), ['depmod', '-b', guest, release]);
  if (status !== 0) throw new LabError(`depmod failed: ${stderr}`, 'report the kernel version');
}

export interface GuestSources {
  /** Root below which busybox, iproute2 and libraries were unpacked. */
  userland: string;
  /** Root below which the kernel image package was unpacked. */
  kernel: string;
  release: string;
  /** Modules that were compiled. */
  modules: readonly string[];
  /** Folder `node_modules` with koffi, or null when it is not installed. */
  packages: string;
}

/** Files of koffi that are needed to run it; the rest (documentation, sources for a compiler) stays outside. */
const KOFFI_FILES = /^(?:index|indirect|package|cnoke|src|lib)/;

/** Lay out the file system of the guest below `guest`. */
export async function layOutGuest(guest: string, from: GuestSources): Promise<void> {
  rmSync(guest, { recursive: true, force: true });
  for (const folder of [
    'bin',
    'sbin',
    'lib/x86_64-linux-gnu',
    'lib64',
    'proc',
    'sys',
    'dev',
    'tmp',
    'share',
    'suite',
    'etc',
  ])
    mkdirSync(join(guest, folder), { recursive: true });
  const find = (path: string) =>
    ['', 'usr/'].map((prefix) => join(from.userland, prefix + path)).find(existsSync) ??
    join(from.userland, path);
  copyFileSync(find('bin/busybox'), join(guest, 'bin/busybox'));
  for (const name of ['sh', 'modprobe', 'mount']) symlinkSync('busybox', join(guest, 'bin', name));
  await addProgram(guest, find('sbin/vdpa'), 'bin/vdpa', from.userland);
  await addProgram(guest, process.execPath, 'bin/node', from.userland);
  await addProgram(guest, which('qemu-storage-daemon')!, 'bin/qemu-storage-daemon', from.userland);
  await addModules(guest, from.kernel, from.release, from.modules);
  addKoffi(guest, from.packages);
  writeFileSync(join(guest, 'init'), INIT_SCRIPT, { mode: 0o755 });
}

function addKoffi(guest: string, packages: string): void {
  const native = '@koromix/koffi-linux-x64';
  for (const name of ['koffi', native]) {
    const folder = join(packages, name);
    if (!existsSync(folder))
      throw new LabError(`the lab needs the package ${name}`, 'npm ci (koffi is an optional dependency)');
    const target = join(guest, 'node_modules', name);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(folder, target, {
      recursive: true,
      filter: (path) => name === native || path === folder || KOFFI_FILES.test(path.slice(folder.length + 1)),
    });
    rmSync(join(target, 'musl_x64'), { recursive: true, force: true });
  }
}
