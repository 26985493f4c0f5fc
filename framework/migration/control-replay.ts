import {
  F_EVENT_IDX,
  F_IN_ORDER,
  F_NOTIFICATION_DATA,
  F_RING_PACKED,
} from '../../specs/virtio-1.1/features.ts';
import type { BoundDevice } from '../bound-device.ts';
import { initialVqState } from '../device.ts';
import type { HostMemory } from '../memory/host-memory.ts';
import { layoutQueue } from '../virtqueue/driver/areas.ts';
import { createDriverRing } from '../virtqueue/driver/create.ts';
import type { Area, DriverRing, QueueAreas } from '../virtqueue/driver/ring.ts';
import { type ControlCommand, commandBytes } from './control-record.ts';
import { MigrationError } from './state.ts';

/** Descriptors of the private ring; one command is under way at a time, in two of them. */
const SIZE = 4;
/** Bytes behind the rings for a command and its ack. */
const ROOM = 0x4000;
const ACK_OK = 0;

/** Bytes of private memory that {@link ControlQueue} needs. */
export const CONTROL_MEMORY = 0x1000 + ROOM;

/**
 * The control queue of a destination on a ring of the monitor's own, for commands that the guest gave the source: the
 * guest's ring is not touched, and is handed over afterwards. Memory of {@link CONTROL_MEMORY} bytes is mapped for the
 * device and private.
 */
export class ControlQueue {
  readonly idx: number;
  readonly #memory: HostMemory;
  readonly #room: Area;
  readonly #features: bigint;
  readonly #run: () => void;
  #ring: DriverRing | null = null;
  #ops: BoundDevice['ops'] | null = null;

  /** @param run lets the device work until it is idle */
  constructor(idx: number, memory: HostMemory, room: Area, features: bigint, run: () => void) {
    this.idx = idx;
    this.#memory = memory;
    this.#room = room;
    this.#features = features;
    this.#run = run;
  }

  /** Set the private ring up, ready, before DRIVER_OK. */
  prepare(target: BoundDevice): void {
    const packed = (this.#features & F_RING_PACKED) !== 0n;
    const areas = this.#areas(packed);
    this.#ring = createDriverRing(packed, {
      memory: this.#memory,
      num: SIZE,
      ...areas,
      eventIdx: (this.#features & F_EVENT_IDX) !== 0n,
      inOrder: (this.#features & F_IN_ORDER) !== 0n,
    });
    this.#ops = target.ops;
    const error = target.setupQueue(this.idx, {
      num: SIZE,
      ...areas,
      callback: null,
      state: initialVqState(),
    });
    if (error < 0)
      throw new MigrationError('queue-refused', `a fresh control queue was refused with ${error}`);
  }

  /** Carry one command out. Returns the ack byte, or null when the device did not use the buffer. */
  execute(command: ControlCommand): number | null {
    const ring = this.#ring!;
    const bytes = commandBytes(command);
    const ack = { pa: this.#room.pa + 0x1000, iova: this.#room.iova + 0x1000 };
    if (bytes.length + 16 > ROOM) throw new RangeError(`a control command of ${bytes.length} bytes`);
    const at = { pa: ack.pa + 16, iova: ack.iova + 16 };
    this.#memory.bytes.set(bytes, at.pa);
    this.#memory.bytes[ack.pa] = 0xff;
    ring.add([
      { iova: at.iova, len: bytes.length, write: false },
      { iova: ack.iova, len: 1, write: true },
    ]);
    ring.publish();
    const ops = this.#ops!;
    if ((this.#features & F_NOTIFICATION_DATA) === 0n || ops.kickVqWithData === undefined)
      ops.kickVq(this.idx);
    else ops.kickVqWithData((ring.notificationData() | this.idx) >>> 0);
    this.#run();
    return ring.poll() === null ? null : this.#memory.bytes[ack.pa];
  }

  /** The private ring is not used any more: the queue is free for the guest's. */
  giveBack(target: BoundDevice): void {
    target.ops.setVqReady(this.idx, false);
    this.#ring = null;
    if (target.ops.getVqReady(this.idx))
      throw new MigrationError('queue-refused', 'the control queue stays ready on the private ring');
  }

  #areas(packed: boolean): QueueAreas {
    const layout = layoutQueue(packed ? 'packed' : 'split', SIZE);
    let offset = 0;
    const next = ({ size, align }: { size: number; align: number }): Area => {
      offset = Math.ceil(offset / align) * align;
      const area = { pa: this.#room.pa + offset, iova: this.#room.iova + offset, size };
      offset += size;
      return area;
    };
    return { desc: next(layout.desc), driver: next(layout.driver), device: next(layout.device) };
  }
}

/**
 * Give `commands` to the device one after the other, each once the one before is acknowledged.
 * @throws MigrationError `command-refused`
 */
export function replayCommands(queue: ControlQueue, commands: readonly ControlCommand[]): void {
  for (const command of commands) {
    const ack = queue.execute(command);
    if (ack === ACK_OK) continue;
    const what = `control command ${command.class}/${command.command}`;
    throw new MigrationError(
      'command-refused',
      ack === null ? `${what} was not answered` : `${what} was answered with ${ack}`,
    );
  }
}
