import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeviceAbsent, DeviceFailure } from '../../framework/device-failure.ts';
import { Child, signalName } from '../../framework/native/child.ts';
import { Resources } from '../../framework/native/resources.ts';
import { ScratchFolder } from '../../framework/native/scratch-folder.ts';
import { socketPair } from '../../framework/native/socket.ts';
import type { DaemonKind } from './daemons.ts';

/** Milliseconds that a daemon may take to listen. */
const START_MS = 60_000;
/** Between two looks whether it does. */
const LOOK_MS = 20;

/** What a device needs of its back end. */
export interface DaemonNeeds {
  /** blk: sectors of 512 bytes. */
  readonly capacity: number;
  /** net: an interface of this host on the other side. */
  readonly wired: boolean;
}

/** A name that no interface has: at most 15 bytes. */
const wireName = () => `vcts${randomBytes(4).toString('hex')}`;

/**
 * Keep the kernel from sending anything of its own over an interface; where it cannot be kept from it, it sends IPv6
 * solicitations, which cases take for frames of the device.
 */
function silence(name: string): void {
  const setting = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
  if (existsSync(setting)) writeFileSync(setting, '1');
}

/** A back end that the suite started, with a folder of its own: it ends with the suite, and leaves nothing. */
export class StartedDaemon {
  readonly socket: string;
  readonly folder: string;
  /** Interface of this host on the other side of a network device, which goes with the daemon; null: none. */
  readonly wire: string | null;
  readonly child: Child;
  /** It gave no answer: whatever it does, it is not used again. */
  hung = false;
  readonly #resources = new Resources();

  /** Start it and wait until it listens. @throws NativeError without the program, DeviceAbsent when it does not listen */
  constructor(kind: DaemonKind, { capacity, wired }: DaemonNeeds) {
    const own = this.#resources;
    try {
      this.folder = own.own(new ScratchFolder()).path;
      this.socket = join(this.folder, 's');
      // DPDK keeps what it writes while it runs in this folder.
      const env = { ...process.env, RUNTIME_DIRECTORY: this.folder };
      // testpmd ends at the end of its input.
      const { ours, theirs } = socketPair();
      own.ownFd(ours);
      own.ownFd(theirs);
      this.wire = wired ? wireName() : null;
      const { socket, folder, wire } = this;
      const args = kind.arguments({ socket, folder, capacity, wire });
      this.child = own.own(new Child(kind.program, args, { env, fds: { 0: theirs } }));
      const end = performance.now() + START_MS;
      while (!existsSync(this.socket) || (wire !== null && !existsSync(`/sys/class/net/${wire}`))) {
        if (this.child.wait(LOOK_MS) !== null || performance.now() > end)
          throw new DeviceAbsent(
            `${kind.program} does not listen: ${this.#said()}`,
            `see whether ${kind.program} runs by itself`,
          );
      }
      if (this.wire !== null) silence(this.wire);
    } catch (error) {
      own.dispose();
      throw error;
    }
  }

  get usable(): boolean {
    return !this.hung && this.child.status === null;
  }

  /** How it ended, if it does within `ms` milliseconds; null while it runs. */
  death(ms: number): DeviceFailure | null {
    const status = this.child.wait(ms);
    if (status === null) return null;
    const how =
      status.signal === null ? `exited with code ${status.code}` : `died of ${signalName(status.signal)}`;
    const said = this.#said();
    return new DeviceFailure('DEVICE_DIED', `the back end ${how}${said === '' ? '' : `: ${said}`}`);
  }

  dispose(): void {
    this.#resources.dispose();
  }

  /** The last lines of its output. */
  #said(): string {
    return this.child
      .output()
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-4)
      .join(' | ');
  }
}
