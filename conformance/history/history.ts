import type { BusDriverName } from '../../framework/bound-device.ts';
import type { DeviceType } from '../../specs/virtio-1.1/device-ids.ts';
import type { FlatStep } from '../steps/step.ts';
import type { HistoryEvent } from './events.ts';

/** Version of the history format; it moves when a reader of the old one would misread the new one. */
export const HISTORY_VERSION = 1;

/** A recorded run: enough to judge it again, anywhere. */
export interface History {
  version: typeof HISTORY_VERSION;
  case: {
    /** Instance id, parameters included. */
    id: string;
    requirements: string[];
    class: 'conformance' | 'resilience';
  };
  target: { name: string; type: DeviceType; options: Record<string, string> };
  seed: number;
  poison: number;
  /** Feature names that `bring-up` was to accept. */
  features: string[];
  size?: number;
  start?: { index: number; wrap?: 0 | 1 };
  traceReads?: boolean;
  /** Bus driver, unless it was virtio-vdpa. */
  driver?: BusDriverName;
  /** Targets that a step `migrate` without one goes to, in turn. */
  migrateTo?: string[];
  steps: FlatStep[];
  events: HistoryEvent[];
}
