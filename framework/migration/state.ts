import type { QueueSetup } from '../bound-device.ts';
import type { VqState } from '../device.ts';
import type { ControlCommand } from './control-record.ts';

/**
 * How a device was stopped: `suspend` where it has the op; `disable`: each ready queue is made not ready, which
 * stops it where it stands, and its position is asked for before the reset.
 */
export type StopMethod = 'suspend' | 'disable';

/** A queue as the driver set it up: size, areas and callback stay the same on the other side. */
export interface MigratingQueue {
  readonly idx: number;
  readonly setup: Omit<QueueSetup, 'state' | 'ready' | 'omit'>;
  /** What a kick carries with NOTIFICATION_DATA (section 2.7.23), bits 16 to 31. */
  readonly notificationData: () => number;
}

/** One queue as it was stopped. */
export interface QueueRecord {
  readonly idx: number;
  readonly ready: boolean;
  readonly state: VqState;
}

/** What another device needs to go on where this one stopped. Rings and buffers stay in guest memory. */
export interface DeviceState {
  readonly deviceId: number;
  readonly features: bigint;
  readonly status: number;
  readonly config: Uint8Array;
  readonly queues: readonly QueueRecord[];
  /** What the control queue has set up, as commands that set it up again. */
  readonly control: readonly ControlCommand[];
  readonly stopped: StopMethod;
}

/**
 * Why a migration cannot be done:
 * - `no-stop`: the parent has no way to stop a queue so that it keeps its position;
 * - `no-position`: it does not tell where a queue stands;
 * - `unsteady`: it tells something else every time it is asked;
 * - `incompatible`: the destination lacks what the guest uses; the source still runs;
 * - `features-refused`, `position-refused`, `queue-refused`, `start-refused`, `command-refused`: the destination does
 *   not take over what it offered to take.
 */
export type MigrationErrorCode =
  | 'no-stop'
  | 'no-position'
  | 'unsteady'
  | 'incompatible'
  | 'features-refused'
  | 'position-refused'
  | 'queue-refused'
  | 'start-refused'
  | 'command-refused';

/** A migration that could not be done; from any code but `incompatible` and `no-stop` on the source is gone. */
export class MigrationError extends Error {
  readonly code: MigrationErrorCode;
  constructor(code: MigrationErrorCode, message: string) {
    super(message);
    this.name = 'MigrationError';
    this.code = code;
  }
}
