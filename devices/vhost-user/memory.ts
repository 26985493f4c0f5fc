import { DeviceAbsent } from '../../framework/device-failure.ts';
import { MemfdMemory } from '../../framework/native/memfd-memory.ts';
import { BackEnd } from './back-end.ts';
import { CONNECT_MS, ConnectionLost } from './connection.ts';
import type { DaemonKind } from './daemons.ts';
import { type DaemonNeeds, StartedDaemon } from './started-daemon.ts';

/** Milliseconds in which a process that closed its connection is gone, if it died over that. */
const DEATH_MS = 5;
const SURE_MS = 1000;

/** Guest memory, and the daemon that a worker started to share it with: one for all its sessions while it lives. */
export class DaemonMemory extends MemfdMemory {
  readonly #kind: DaemonKind;
  readonly #needs: DaemonNeeds;
  #daemon: StartedDaemon | null = null;

  constructor(size: number, kind: DaemonKind, needs: DaemonNeeds) {
    super(size);
    this.#kind = kind;
    this.#needs = needs;
  }

  /** The daemon; a new one when there is none, or none that lives. @throws NativeError, DeviceAbsent */
  daemon(): StartedDaemon {
    if (this.#daemon?.usable) return this.#daemon;
    this.#daemon?.dispose();
    this.#daemon = null;
    this.#daemon = new StartedDaemon(this.#kind, this.#needs);
    return this.#daemon;
  }

  override dispose(): void {
    this.#daemon?.dispose();
    this.#daemon = null;
    super.dispose();
  }
}

/** Connect to a daemon, which may still be busy with the last connection. @throws DeviceFailure that tells how it died */
export function connectTo(daemon: StartedDaemon): BackEnd {
  const onHang = () => {
    daemon.hung = true;
  };
  for (const end = performance.now() + CONNECT_MS; ; ) {
    const death = daemon.death(DEATH_MS);
    if (death) throw death;
    try {
      return new BackEnd(daemon.socket, onHang);
    } catch (error) {
      if (error instanceof DeviceAbsent) throw daemon.death(SURE_MS) ?? error;
      // Closed at once: it has not let go of the last one yet, or dies over that.
      if (!(error instanceof ConnectionLost) || performance.now() > end) throw error;
    }
  }
}
