import { type ChildProcess, spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { LabDevice } from './devices.ts';
import type { GuestImage } from './guest-image.ts';
import { INIT_LINE, SHARE_TAG, SUITE_TAG } from './init-script.ts';
import { spawnTied } from './tools.ts';

/** Memory of a guest in MiB. */
const MEMORY = 768;

/** What makes the kernel end the run instead of going on wounded; QEMU exits on the reboot (`-no-reboot`). */
const KERNEL_ARGUMENTS =
  'console=ttyS0 quiet panic=-1 oops=panic softlockup_panic=1 hung_task_panic=1 mitigations=off nokaslr random.trust_cpu=1 no_timer_check printk.devkmsg=on';

/** Seconds that KVM may take to start a guest before it counts as unusable. */
const PROBE_SECONDS = 4;

export type Accelerator = 'kvm' | 'tcg';

/** Arguments of QEMU that every guest has. */
function commonArguments(image: GuestImage, accelerator: Accelerator, kernel: string): string[] {
  return [
    ...[
      '-M',
      'q35',
      '-m',
      String(MEMORY),
      '-nodefaults',
      '-display',
      'none',
      '-no-reboot',
      '-no-user-config',
    ],
    ...(accelerator === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', 'tcg,thread=multi', '-cpu', 'max']),
    ...['-kernel', image.kernel, '-initrd', image.initrd, '-append', kernel],
  ];
}

/**
 * Whether KVM really runs a guest here: a nested `/dev/kvm` may exist and not start any kernel. Asked once per
 * boot of this machine; the answer is kept in the cache.
 */
export function chooseAccelerator(image: GuestImage, cache: string): Accelerator {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return 'tcg';
  }
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const memo = join(cache, 'accelerator.json');
  if (existsSync(memo)) {
    const known = JSON.parse(readFileSync(memo, 'utf8')) as { boot: string; accelerator: Accelerator };
    if (known.boot === boot) return known.accelerator;
  }
  const args = [
    ...commonArguments(image, 'kvm', `${KERNEL_ARGUMENTS} lab.probe`),
    '-smp',
    '1',
    '-serial',
    'stdio',
  ];
  const { stdout } = spawnSync('qemu-system-x86_64', args, {
    timeout: PROBE_SECONDS * 1000,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const accelerator = stdout.toString().includes(INIT_LINE) ? 'kvm' : 'tcg';
  writeFileSync(memo, JSON.stringify({ boot, accelerator }));
  return accelerator;
}

/** An empty disk of `mib` MiB in `file`. */
function diskArguments(file: string, mib: number): string[] {
  writeFileSync(file, '');
  truncateSync(file, mib << 20);
  return ['-blockdev', `driver=file,filename=${file.replaceAll(',', ',,')},node-name=d0`];
}

export interface MachineOptions {
  image: GuestImage;
  accelerator: Accelerator;
  device: LabDevice;
  /** Folder with the suite; the guest may write to its caches. */
  suite: string;
  /** Folder of this machine: job, messages, console. */
  share: string;
}

/** File of the console in the folder of a machine. */
export const CONSOLE_FILE = 'console.log';

/** A guest that runs: one QEMU, which the kernel ends with this process. */
export class Machine {
  readonly #child: ChildProcess;
  readonly #console: string;
  readonly #ended: Promise<void>;
  #complaint = '';
  #running = true;

  /** Start the guest; it runs `job.sh` of the share and powers off. */
  constructor({ image, accelerator, device, suite, share }: MachineOptions) {
    this.#console = join(share, CONSOLE_FILE);
    rmSync(this.#console, { force: true });
    const kernel = [KERNEL_ARGUMENTS, device.kernel].filter(Boolean).join(' ');
    const folder = (path: string, tag: string) => [
      '-virtfs',
      `local,path=${path.replaceAll(',', ',,')},mount_tag=${tag},security_model=none`,
    ];
    const args = [
      ...commonArguments(image, accelerator, kernel),
      ...[
        '-smp',
        String(device.processors ?? Math.min(2, cpus().length)),
        '-serial',
        `file:${this.#console.replaceAll(',', ',,')}`,
      ],
      ...(device.disk === undefined ? [] : diskArguments(join(share, 'disk'), device.disk)),
      ...(device.hardware ?? []),
      ...folder(suite, SUITE_TAG),
      ...folder(share, SHARE_TAG),
    ];
    this.#child = spawnTied('qemu-system-x86_64', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.#complaint = (this.#complaint + chunk.toString()).slice(-2000);
    });
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#running = false;
        resolve();
      };
      this.#child.on('error', (error) => {
        this.#complaint += error.message;
        end();
      });
      this.#child.on('close', end);
    });
  }

  get running(): boolean {
    return this.#running;
  }

  /** Resolves when QEMU has ended. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** What QEMU itself complained about. */
  get complaint(): string {
    return this.#complaint.trim();
  }

  /** What the guest has printed so far. */
  console(): string {
    try {
      return readFileSync(this.#console, 'latin1');
    } catch {
      return '';
    }
  }

  /** End the guest at once. Resolves when QEMU is gone. */
  async kill(): Promise<void> {
    if (this.#running) this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
