import type { BoundDevice } from '../../framework/bound-device.ts';
import { PAGE } from '../../framework/memory/guest-memory.ts';
import { ControlRecord } from '../../framework/migration/control-record.ts';
import { CONTROL_MEMORY, ControlQueue } from '../../framework/migration/control-replay.ts';
import { type ConfigDifference, obstacles, restore } from '../../framework/migration/restore.ts';
import { stopAndSave } from '../../framework/migration/save.ts';
import {
  type DeviceState,
  type MigratingQueue,
  MigrationError,
  type MigrationErrorCode,
  type StopMethod,
} from '../../framework/migration/state.ts';
import { type ConfigDevice, configFields } from '../../specs/virtio-1.1/config-space.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { takenFrames } from '../kits/net.ts';
import { controlQueue } from './bring-up.ts';
import type { Destination } from './destinations.ts';
import type { NamedRegion } from './memory.ts';
import { finishPreCopy, type PreCopied } from './pre-copy.ts';
import type { Attached, Session } from './session.ts';
import { PUMP_LIMIT } from './work.ts';

/** Units of work for which a device that was stopped is let run, to see that it does nothing. */
const IN_VAIN = 64;

/** What came of a migration. Plain data. */
export interface Migrated {
  readonly to: string;
  readonly stopped?: StopMethod;
  /** Commands of the control queue that were given to the destination. */
  readonly replayed?: number;
  /** Memory was copied before, and what became dirty again. */
  readonly copied?: PreCopied;
  /** What the guest sees changed in the configuration. */
  readonly differs?: readonly ConfigDifference[];
  readonly error?: { readonly code: MigrationErrorCode; readonly text: string };
}

/** Commands of the control queue that the device has carried out, as the driver knows from acks in its memory. */
function recordOf(session: Session, control: number | null): ControlRecord {
  const record = new ControlRecord();
  if (control === null) return record;
  for (const buffer of session.buffers.all) {
    if (buffer.q !== control || !buffer.published || buffer.writable.length === 0) continue;
    const ack = session.memory.host.bytes[buffer.writable[0][1]];
    if (ack !== 0 || (session.poison === 0 && buffer.used === undefined)) continue;
    const bytes = buffer.parts.flatMap((part) => ('read' in part ? [...part.read] : []));
    if (bytes.length >= 2) record.acknowledged(Uint8Array.from(bytes));
  }
  return record;
}

function queuesOf(session: Session): MigratingQueue[] {
  return session.queues.all.map(({ idx, num, areas, ring, listening }) => ({
    idx,
    setup: {
      num,
      ...areas,
      callback: listening && !session.deaf.queues ? session.queues.callback(idx) : null,
    },
    notificationData: () => ring.notificationData(),
  }));
}

/** Let `instance` run for a while: one that was stopped has nothing to do. */
function runInVain(session: Session): void {
  const { instance } = session;
  session.guarded('pump', () => instance.pump?.(IN_VAIN));
}

/** Fields of the configuration that migration carries over itself, or that are no state of the guest's. */
const CARRIED: readonly string[] = ['mac', 'status', 'capacity', 'writeback'];

/** What keeps `next` from being the same device to the driver: it was provisioned otherwise, or has another disk. */
function foreign(session: Session, { instance, binding, recorded }: Attached): string[] {
  const reasons: string[] = [];
  const { backend } = session.instance;
  const handsOver = backend?.backing !== undefined && instance.backend?.adopt !== undefined;
  if (session.deviceType === 'blk' && !handsOver) reasons.push('the disk cannot be handed over');
  recorded.quiet++;
  const size = Math.max(session.ops.getConfigSize(), binding.device.ops.getConfigSize());
  const [was, is] = [session.ops, binding.device.ops].map((ops) => {
    const bytes = new Uint8Array(size);
    ops.getConfig(0, bytes);
    return bytes;
  });
  recorded.quiet--;
  for (const { field, offset, width } of configFields(session.deviceType as ConfigDevice)) {
    if (CARRIED.includes(field) || !isVisible(session, offset)) continue;
    for (let at = offset; at < Math.min(size, offset + width); at++) {
      if (was[at] === is[at]) continue;
      reasons.push(`its ${field} is another one`);
      break;
    }
  }
  if (session.has('VIRTIO_NET_F_MAC') && !session.has('VIRTIO_NET_F_CTRL_MAC_ADDR'))
    if (was.subarray(0, 6).some((byte, at) => byte !== is[at])) reasons.push('its mac is another one');
  return reasons;
}

/** Make the destination, and see whether it can take over; otherwise the case does not apply. */
function prepare(session: Session, destination: Destination, shift: number | undefined): Attached {
  const { definition, options } = destination;
  let attached = session.attach(definition, options, undefined, shift);
  if (!attached.instance.abilities.includes('vq-state')) {
    // It takes no positions: the rings of the guest are relayed to rings that it starts from 0.
    attached.instance.dispose?.();
    attached = session.attach(definition, options, undefined, 0);
  }
  const { binding, instance, recorded } = attached;
  recorded.quiet++;
  const reasons = obstacles(
    binding.device,
    session.ops.getDeviceId(),
    session.features,
    session.queues.all.map(({ idx, num }) => ({ idx, num })),
    session.virtio.spaces.flatMap(({ table }) => table.entries),
  );
  if (session.virtio.spaces.length !== binding.device.spaces.length)
    if (session.virtio.spaces.slice(1).some(({ table }) => table.entries.length > 0))
      reasons.push('it has another number of address spaces');
  for (const { abilities } of [session.instance, instance])
    if (!abilities.includes('vq-state')) reasons.push('a parent on the way lacks the ability vq-state');
  if (instance.pump === undefined) reasons.push('it has time of its own');
  reasons.push(...foreign(session, attached));
  if (reasons.length === 0) return attached;
  instance.dispose?.();
  session.lacks(`no migration to ${destination.name}: ${reasons.join('; ')}`);
}

/**
 * Let a device of `destination` take the place of the one that the session drives, with its traffic as it is: same
 * memory at the same addresses, rings and buffers where they are. For the driver nothing has happened.
 */
export function migrate(session: Session, destination: Destination, shift?: number): Migrated {
  const source = session.recorded;
  source.quiet++;
  const status = session.ops.getStatus();
  if ((status & STATUS.DRIVER_OK) === 0) session.stop('nothing runs that could migrate');
  if ((status & STATUS.DEVICE_NEEDS_RESET) !== 0) session.stop('the device needs a reset');
  if (session.comparison !== null || session.instance.pump === undefined)
    session.lacks('the device lies outside this process, and another one cannot take its place');
  const control = session.has('VIRTIO_NET_F_CTRL_VQ') ? controlQueue(session) : null;
  if (session.deviceType === 'net') takenFrames(session);
  const next = prepare(session, destination, shift);
  const to = destination.name;
  let state: DeviceState;
  try {
    state = stopAndSave(session.virtio, session.queues.all, () => recordOf(session, control).commands());
  } catch (error) {
    next.instance.dispose?.();
    return { to, error: told(error) };
  }
  session.recorder.push({ k: 'migrate', phase: 'stopped', to });
  if (session.deviceType === 'net') takenFrames(session);
  const copied = finishPreCopy(session);
  const backing = session.guarded('backing', () => session.instance.backend?.backing?.());
  runInVain(session);
  session.ops.reset();
  runInVain(session);
  const gone = session.instance;
  session.adopt(next);
  session.guarded('dispose', () => gone.dispose?.());
  const { virtio } = session;
  try {
    const error = session.memory.moveTo(virtio);
    if (error < 0) throw new MigrationError('queue-refused', `a mapping was refused with ${error}`);
    if (backing !== undefined) session.instance.backend?.adopt?.(backing);
    const differs = restore(virtio, state, queuesOf(session), {
      control: control === null ? undefined : privateControl(session, control, virtio),
      onConfigChange: session.deaf.config ? null : session.configCallback(),
      starting: () => session.recorder.push({ k: 'migrate', phase: 'starting', to }),
    });
    session.recorder.push({ k: 'migrate', phase: 'done', to });
    for (const { bytes, meta } of backing?.frames ?? []) session.instance.peer?.send(bytes, meta);
    session.suspended = false;
    const seen = differs.filter(({ offset }) => isVisible(session, offset));
    return {
      to,
      stopped: state.stopped,
      replayed: state.control.length,
      ...(copied ? { copied } : {}),
      differs: seen,
    };
  } catch (error) {
    return { to, error: told(error) };
  } finally {
    session.recorded.quiet--;
  }
}

/** Whether a byte of the configuration means something with the features in force (sections 5.x.4). */
function isVisible(session: Session, offset: number): boolean {
  const fields = configFields(session.deviceType as ConfigDevice);
  const field = fields.find((one) => offset >= one.offset && offset < one.offset + one.width);
  if (field === undefined) return false;
  if (field.field === 'mac') return session.has('VIRTIO_NET_F_MAC');
  return field.condition.length === 0 || field.condition.some((feature) => session.has(feature));
}

function told(error: unknown): NonNullable<Migrated['error']> {
  if (error instanceof MigrationError) return { code: error.code, text: error.message };
  throw error;
}

/** The control queue of the destination on a ring in memory that is no business of the driver. */
function privateControl(session: Session, idx: number, virtio: BoundDevice): ControlQueue {
  const { memory, features } = session;
  const room = session.state('migration-room', (): NamedRegion => {
    const size = Math.ceil(CONTROL_MEMORY / PAGE) * PAGE;
    const pages = memory.allocPages('the monitor', size, 3);
    session.recorder.hide(pages);
    return pages;
  });
  return new ControlQueue(idx, memory.host, room, features, () => {
    for (let done = 0; done < PUMP_LIMIT; ) {
      const units = session.guarded('pump', () => session.instance.pump!(PUMP_LIMIT - done));
      if (!(units > 0)) return;
      done += units;
    }
    virtio.ops.reset();
    session.stop('the device never became idle');
  });
}
