import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, findProgram } from '../framework/native/child.ts';
import { Resources } from '../framework/native/resources.ts';
import { socketPair } from '../framework/native/socket.ts';

/** Milliseconds that a daemon may take to listen. */
const START_MS = 60_000;

/** A back end that a test started: its socket, and its process. */
export interface Daemon {
  readonly socket: string;
  readonly folder: string;
  readonly child: Child;
  dispose(): void;
}

/** Why tests with `program` are skipped: never where skipping is not allowed. */
export function missing(program: string): boolean {
  if (findProgram(program) !== undefined) return false;
  if (process.env.VDPA_CTS_NO_SKIP === '1')
    throw new Error(`${program} is missing, and VDPA_CTS_NO_SKIP forbids to skip its tests`);
  return true;
}

/** Run `program` in a folder of its own until the test is over; `args` gets the socket and the folder. */
function start(program: string, args: (socket: string, folder: string) => string[]): Daemon {
  const owner = new Resources();
  const folder = mkdtempSync(join(tmpdir(), 'vdpa-cts-'));
  owner.defer(() => rmSync(folder, { recursive: true, force: true }));
  // Removes the folder when this process is gone, however that happens: its end of the pipe goes with it.
  const guard = spawn('sh', ['-c', 'cat >/dev/null; rm -rf "$0"', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  owner.defer(() => guard.stdin.destroy());
  const socket = join(folder, 's');
  try {
    // DPDK keeps what it writes while it runs in this folder.
    const env = { ...process.env, RUNTIME_DIRECTORY: folder };
    // testpmd ends at the end of its input.
    const { ours, theirs } = socketPair();
    owner.ownFd(ours);
    owner.ownFd(theirs);
    const child = owner.own(new Child(program, args(socket, folder), { env, fds: { 0: theirs } }));
    const end = performance.now() + START_MS;
    while (!existsSync(socket)) {
      if (child.wait(20) !== null || performance.now() > end)
        throw new Error(`${program} does not listen: ${child.output()}`);
    }
    return { socket, folder, child, dispose: () => owner.dispose() };
  } catch (error) {
    owner.dispose();
    throw error;
  }
}

/** qemu-storage-daemon with a writable disk of `size` bytes. */
export function storageDaemon(size = 16 << 20): Daemon {
  return start('qemu-storage-daemon', (socket, folder) => {
    const disk = join(folder, 'disk');
    writeFileSync(disk, '');
    truncateSync(disk, size);
    return [
      ...['--blockdev', `driver=file,node-name=f,filename=${disk}`],
      '--export',
      `type=vhost-user-blk,id=e,node-name=f,addr.type=unix,addr.path=${socket},writable=on,num-queues=2`,
    ];
  });
}

/** DPDK's testpmd as a back end that sends every frame back. */
export function testpmd(): Daemon {
  return start('dpdk-testpmd', (socket) => [
    ...['--no-shconf', '--no-huge', '-m', '256', '--no-pci', '--no-telemetry', '--lcores', '0@(0,1),1@(0,1)'],
    ...['--vdev', `net_vhost0,iface=${socket},queues=1`],
    ...['--', '--auto-start', '--forward-mode=io', '--total-num-mbufs=8192'],
  ]);
}
