import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { LabError } from './lab-error.ts';
import { run } from './tools.ts';

/** A kernel module that Debian does not build: its name and sources, by path below `drivers/`. */
export interface ModuleSource {
  readonly name: string;
  readonly sources: readonly string[];
}

/** The vDPA bus, its bus drivers, and the parents that need no hardware of a vendor. */
export const MODULES: readonly ModuleSource[] = [
  { name: 'vringh', sources: ['vhost/vringh.c'] },
  { name: 'vdpa', sources: ['vdpa/vdpa.c'] },
  { name: 'vhost_vdpa', sources: ['vhost/vdpa.c'] },
  { name: 'virtio_vdpa', sources: ['virtio/virtio_vdpa.c'] },
  { name: 'vdpa_sim', sources: ['vdpa/vdpa_sim/vdpa_sim.c'] },
  { name: 'vdpa_sim_net', sources: ['vdpa/vdpa_sim/vdpa_sim_net.c'] },
  { name: 'vdpa_sim_blk', sources: ['vdpa/vdpa_sim/vdpa_sim_blk.c'] },
  { name: 'vduse', sources: ['vdpa/vdpa_user/vduse_dev.c', 'vdpa/vdpa_user/iova_domain.c'] },
  { name: 'vp_vdpa', sources: ['vdpa/virtio_pci/vp_vdpa.c'] },
];

/** Folders of the kernel source that hold them, headers included. */
export const SOURCE_FOLDERS = ['drivers/vdpa', 'drivers/vhost', 'drivers/virtio'] as const;

/** Options without which the sources leave out what the lab is for (Debian has them off). */
const OPTIONS = ['VDPA', 'VHOST_RING', 'VHOST_VDPA', 'VDPA_SIM', 'VDPA_USER', 'VP_VDPA'];

/** Object of a source file: unique in the flat list of Kbuild, and never named as the module it belongs to. */
const objectOf = (module: string, source: string): string => {
  const path = source.replace(/\.c$/, '');
  return basename(path) === module ? `${dirname(path)}/${basename(path)}_main` : path;
};

/** Kbuild file of all `modules`; each is linked from objects in the folders of its sources. */
export function kbuild(modules: readonly ModuleSource[]): string {
  const lines = modules.flatMap(({ name, sources }) => [
    `obj-m += ${name}.o`,
    `${name}-y := ${sources.map((source) => `${objectOf(name, source)}.o`).join(' ')}`,
  ]);
  return `${[...lines, `ccflags-y += ${OPTIONS.map((name) => `-DCONFIG_${name}_MODULE=1`).join(' ')}`].join('\n')}\n`;
}

export interface ModuleBuild {
  /** Unpacked kernel source: the folder that holds `drivers/`. */
  source: string;
  /** Root below which the header packages were unpacked. */
  headers: string;
  /** Name of the header package of the architecture. */
  headerPackage: string;
  /** Where to build. */
  work: string;
  signal?: AbortSignal;
}

/** The header packages name each other by absolute path: make them name the folder they were unpacked to. */
export function relocateHeaders(headers: string, headerPackage: string): string {
  const folder = join(headers, 'usr/src', headerPackage);
  const makefile = join(folder, 'Makefile');
  const text = readFileSync(makefile, 'utf8');
  writeFileSync(makefile, text.replaceAll(/(?<![\w/.-])\/usr\/src\//g, `${headers}/usr/src/`));
  return folder;
}

/** Compile the modules against Debian's headers. Returns the files made. */
export async function buildModules(build: ModuleBuild): Promise<string[]> {
  const { source, work, signal } = build;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  for (const folder of SOURCE_FOLDERS)
    cpSync(join(source, folder), join(work, folder.replace('drivers/', '')), { recursive: true });
  const present = MODULES.filter(({ sources }) => sources.every((one) => existsSync(join(work, one))));
  for (const { name, sources } of present) {
    for (const one of sources) {
      const object = `${objectOf(name, one)}.c`;
      if (object !== one) copyFileSync(join(work, one), join(work, object));
    }
  }
  writeFileSync(join(work, 'Kbuild'), kbuild(present));
  const tree = relocateHeaders(build.headers, build.headerPackage);
  await run('make', ['-C', tree, `M=${work}`, `-j${cpus().length}`, 'modules'], { signal });
  const made = present.map(({ name }) => join(work, `${name}.ko`));
  const missing = made.filter((file) => !existsSync(file));
  if (missing.length > 0)
    throw new LabError(
      `make built no ${missing.map((file) => basename(file)).join(', ')}`,
      'report the kernel version',
    );
  return made;
}
