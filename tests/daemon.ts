import { DAEMONS } from '../devices/vhost-user/daemons.ts';
import { StartedDaemon } from '../devices/vhost-user/started-daemon.ts';
import { findProgram } from '../framework/native/child.ts';

/** A back end that a test started: its socket, its folder and its process. */
export type Daemon = StartedDaemon;

/** Why tests with `program` are skipped: never where skipping is not allowed. */
export function missing(program: string): boolean {
  if (findProgram(program) !== undefined) return false;
  if (process.env.VDPA_CTS_NO_SKIP === '1')
    throw new Error(`${program} is missing, and VDPA_CTS_NO_SKIP forbids to skip its tests`);
  return true;
}

/** qemu-storage-daemon with a writable disk of `size` bytes. */
export const storageDaemon = (size = 16 << 20): Daemon =>
  new StartedDaemon(DAEMONS['qemu-storage-daemon'], { capacity: size / 512, wired: false });

/** DPDK's testpmd as a back end that sends every frame back. */
export const testpmd = (): Daemon =>
  new StartedDaemon(DAEMONS['dpdk-testpmd'], { capacity: 0, wired: false });
