import type { DeviceFacts } from '../conformance/runner/device-facts.ts';

/** How far the driver has brought the device, as the steps so far imply. */
export type Phase = 'reset' | 'acknowledged' | 'driver' | 'features' | 'queues' | 'running';

/**
 * What a driver knows after the steps drawn so far, on the assumption of a right device: the state of the
 * model from which the next step is drawn. Plain data; strategies change it as they emit steps.
 */
export interface View {
  readonly facts: DeviceFacts;
  /** Features that are offered, as a mask. */
  readonly offered: bigint;
  phase: Phase;
  status: number;
  /** Names of the features accepted by the last bring-up. */
  features: readonly string[];
  packed: boolean;
  eventIdx: boolean;
  indirect: boolean;
  inOrder: boolean;
  num: number;
  /** Descriptors in use per queue, as far as the steps tell; the truth may be lower. */
  load: number[];
  /** The part of it that the device does not know of yet. */
  stuck: number[];
  /** The driver broke a rule since the last reset. */
  breached: boolean;
  suspended: boolean;
  /** Names of requests and of tables so far. */
  requests: string[];
  tables: boolean;
  /** Seeds of requests that were written, for reading them back. */
  written: number[];
  serial: number;
  /** Payload bytes of receive requests: the same for all, so that frames and buffers match up. */
  readonly rxSize: number;
}

export function freshView(facts: DeviceFacts, rxSize: number): View {
  return {
    facts,
    offered: BigInt(facts.offered),
    phase: 'reset',
    status: 0,
    features: [],
    packed: false,
    eventIdx: false,
    indirect: false,
    inOrder: false,
    num: 0,
    load: [],
    stuck: [],
    breached: false,
    suspended: false,
    requests: [],
    tables: false,
    written: [],
    serial: 0,
    rxSize,
  };
}

/** After a reset: nothing of the session is left. */
export function forgetSession(view: View): void {
  view.phase = 'reset';
  view.status = 0;
  view.load = [];
  view.stuck = [];
  view.breached = false;
  view.suspended = false;
  view.requests = [];
  view.tables = false;
}

/** Whatever the device knows of has come back. */
export function settled(view: View): void {
  view.load = [...view.stuck];
}
