import {
  bitMask,
  F_ACCESS_PLATFORM,
  F_ORDER_PLATFORM,
  F_RING_PACKED,
  F_VERSION_1,
} from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { Session } from './session.ts';

export type BringUpTarget = 'RESET' | 'ACKNOWLEDGE' | 'DRIVER' | 'FEATURES_OK' | 'QUEUES' | 'DRIVER_OK';
const ORDER: readonly BringUpTarget[] = [
  'RESET',
  'ACKNOWLEDGE',
  'DRIVER',
  'FEATURES_OK',
  'QUEUES',
  'DRIVER_OK',
];

export interface BringUpOptions {
  to?: BringUpTarget;
  /** Accept exactly these features instead of the case's own (baseline features are added all the same). */
  only?: readonly string[];
  /** Further features, accepted when offered. */
  features?: readonly string[];
  /** Features to leave out. */
  without?: readonly string[];
  /** Queue size; default: `session.saved.queueSize`, else the largest that is at most 64. */
  size?: number;
  /** Position to start the queues from. */
  start?: { index: number; wrap?: 0 | 1 };
  /** Queues to set up (default: every queue that the features make usable). */
  queues?: readonly number[];
  /** Make the queues ready (default true). */
  ready?: boolean;
}

/** What became of a bring-up. */
export interface BringUpResult {
  status: number;
  featuresOk: boolean;
  /** Negative errno of the first queue that refused, by index. */
  queueErrors: Record<number, number>;
}

/** Features every session accepts when offered: without them a device may refuse service (section 6.2). */
export const BASELINE = F_VERSION_1 | F_ACCESS_PLATFORM | F_ORDER_PLATFORM;

/** The feature set that a bring-up with `options` accepts from `offered`. */
export function chooseFeatures(offered: bigint, wanted: bigint, options: BringUpOptions): bigint {
  const base = options.only ? bitMask(options.only) : wanted | bitMask(options.features ?? []);
  return (base | BASELINE) & offered & ~bitMask(options.without ?? []);
}

/**
 * Take the device through the initialisation of section 3.1.1, up to `to`.
 * Legal at every point; a device that refuses FEATURES_OK is left there.
 */
export function bringUp(session: Session, options: BringUpOptions = {}): BringUpResult {
  const { virtio, ops } = session;
  const upTo = ORDER.indexOf(options.to ?? 'DRIVER_OK');
  const result: BringUpResult = { status: 0, featuresOk: false, queueErrors: {} };
  const done = () => {
    result.status = ops.getStatus();
    return result;
  };
  session.reset();
  if (upTo < 1) return done();
  virtio.addStatus(STATUS.ACKNOWLEDGE);
  if (upTo < 2) return done();
  virtio.addStatus(STATUS.DRIVER);
  if (upTo < 3) return done();
  const features = chooseFeatures(ops.getDeviceFeatures() & session.common, session.wanted, options);
  result.featuresOk = virtio.negotiate(features);
  if (!result.featuresOk) return done();
  session.features = features;
  if (upTo < 4) return done();
  setUpQueues(session, options, result);
  if (upTo < 5) return done();
  session.listenConfig(!session.deaf.config);
  virtio.addStatus(STATUS.DRIVER_OK);
  return done();
}

/** Set up all usable queues, or those named. */
export function setUpQueues(session: Session, options: BringUpOptions, result: BringUpResult): void {
  for (const idx of options.queues ?? usableQueues(session)) {
    const num =
      options.size ?? (session.saved.get('queue-size') as number | undefined) ?? defaultSize(session, idx);
    const start = options.start ?? (session.saved.get('queue-start') as BringUpOptions['start']);
    const error = session.queues.setUp(idx, { num, start, ready: options.ready });
    if (error < 0) result.queueErrors[idx] = error;
  }
}

const defaultSize = (session: Session, idx: number) => Math.min(64, session.virtio.maxSize(idx));

/** Queues that exist with the features in force (sections 5.1.2 and 5.2.2). */
export function usableQueues(session: Session): number[] {
  if (session.instance.device.nvqs === 1) return [0];
  if (session.deviceType !== 'net') return Array.from({ length: session.instance.device.nvqs }, (_, i) => i);
  const pairs = netPairs(session);
  const queues: number[] = [];
  while (queues.length < 2 * pairs) queues.push(queues.length);
  if (session.has('VIRTIO_NET_F_CTRL_VQ')) queues.push(controlQueue(session));
  return queues;
}

/** Queue pairs of a net device with the features in force: max_virtqueue_pairs with MQ, else 1 (5.1.2). */
export function netPairs(session: Session): number {
  if (!session.has('VIRTIO_NET_F_MQ')) return 1;
  const bytes = new Uint8Array(2);
  session.ops.getConfig(8, bytes);
  const pairs = bytes[0] | (bytes[1] << 8);
  return Math.max(1, Math.min(pairs, Math.floor((session.instance.device.nvqs - 1) / 2) || 1));
}

/** Index of the control queue of a net device: 2N with N pairs (5.1.2). */
export const controlQueue = (session: Session): number => 2 * netPairs(session);

/** Whether the packed format is in force. */
export const isPacked = (session: Session): boolean => (session.features & F_RING_PACKED) !== 0n;
