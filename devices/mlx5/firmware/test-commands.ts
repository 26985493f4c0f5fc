/** For tests only: commands as bytes, without the parent driver. */

import { HostMemory } from '../../../framework/memory/host-memory.ts';
import { ANSWER, CONTEXT_AT, HEADER, LENGTH, LIST_AT, OBJECT, OPCODE } from '../prm/commands.ts';
import { getField, put64, putField } from '../prm/fields.ts';
import { NET_Q, NET_Q_SIZE, VIRTIO_Q, VIRTIO_Q_AT } from '../prm/net-queue.ts';
import { REFUSAL, type Refusal } from './failure.ts';
import { Mlx5Function } from './mlx5-function.ts';
import { EVENT_MODES, type FunctionShape } from './shape.ts';

export const SHAPE: FunctionShape = {
  maxQueues: 8,
  maxQueueSize: 256,
  features: 0x1fff,
  eventModes: EVENT_MODES.msix,
  vectors: 8,
  freezeToReady: true,
  descGroup: false,
  umemParams: [
    [16, 64],
    [16, 64],
    [16, 64],
  ],
  mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  portMtu: 1522,
};

export type Opcode = keyof typeof OPCODE;

/** A function, and commands to it. */
export class CommandBench {
  readonly function: Mlx5Function;
  uid = 0;

  constructor(shape: Partial<FunctionShape> = {}) {
    this.function = new Mlx5Function({ ...SHAPE, ...shape }, new HostMemory(1 << 16).port());
  }

  /** The answer to a command. */
  answer(
    opcode: Opcode | number,
    length: number,
    fill?: (input: Uint8Array) => void,
    out = 0x10,
  ): Uint8Array {
    const input = new Uint8Array(length);
    putField(input, 0, HEADER.opcode, typeof opcode === 'number' ? opcode : OPCODE[opcode]);
    putField(input, 0, HEADER.uid, this.uid);
    fill?.(input);
    return this.function.execute(input, out);
  }

  /** `ok`, or why the command was refused. */
  say(opcode: Opcode | number, length: number, fill?: (input: Uint8Array) => void, out = 0x10): string {
    const answer = this.answer(opcode, length, fill, out);
    const status = getField(answer, 0, ANSWER.status);
    const syndrome = getField(answer, 0, ANSWER.syndrome);
    if (status === 0 && syndrome === 0) return 'ok';
    const names = Object.keys(REFUSAL) as Refusal[];
    const name = names.find((one) => REFUSAL[one][0] === status && REFUSAL[one][1] === syndrome);
    return name ?? `status ${status} syndrome ${syndrome}`;
  }

  /** Make an object that must be made. Returns its number. */
  make(opcode: Opcode, length: number = LENGTH.plain, fill?: (input: Uint8Array) => void): number {
    const answer = this.answer(opcode, length, fill);
    if (answer[0] !== 0) throw new Error(`${opcode} refused with status ${answer[0]}`);
    return getField(answer, 0, ANSWER.number);
  }

  destroy(opcode: Opcode, id: number): string {
    return this.say(opcode, LENGTH.plain, (input) => putField(input, 0, HEADER.number, id));
  }

  /** Objects that a queue needs. */
  readonly base = (() => {
    let made: { pd: number; tis: number; umem: number } | null = null;
    return () => {
      if (made !== null) return made;
      const pd = this.make('ALLOC_PD');
      const domain = this.make('ALLOC_TRANSPORT_DOMAIN');
      const tis = this.make('CREATE_TIS', LENGTH.tis, (input) =>
        putField(input, 0x20, [0x24, 23, 0], domain),
      );
      const umem = this.make('CREATE_UMEM', 0x38, (input) => {
        put64(input, 0x28, 1);
        put64(input, 0x30, 0x1000);
      });
      made = { pd, tis, umem };
      return made;
    };
  })();

  /** Fill the creation of a queue object of `index`, 16 descriptors at 0x1000, vector events, null key. */
  fillQueue(input: Uint8Array, index = 0): void {
    const { pd, tis, umem } = this.base();
    const at = CONTEXT_AT.generalObject;
    const vq = at + VIRTIO_Q_AT;
    putField(input, 0, HEADER.obj_type, OBJECT.VIRTIO_NET_Q);
    putField(input, at, NET_Q.tisn_or_qpn, tis);
    putField(input, vq, VIRTIO_Q.event_mode, 2);
    putField(input, vq, VIRTIO_Q.queue_index, index);
    putField(input, vq, VIRTIO_Q.event_qpn_or_msix, index);
    putField(input, vq, VIRTIO_Q.virtio_version_1_0, 1);
    putField(input, vq, VIRTIO_Q.queue_size, 16);
    putField(input, vq, VIRTIO_Q.virtio_q_mkey, 0xff);
    putField(input, vq, VIRTIO_Q.pd, pd);
    put64(input, vq + 0x10, 0x1000);
    put64(input, vq + 0x18, 0x3000);
    put64(input, vq + 0x20, 0x2000);
    for (const umemAt of [0x30, 0x40, 0x50]) {
      putField(input, vq + umemAt, [0, 31, 0], umem);
      putField(input, vq + umemAt, [4, 31, 0], 16 * 16 + 64);
    }
  }

  /** Create a queue object; `change` spoils or completes the command. */
  createQueue(index = 0, change?: (input: Uint8Array) => void): string {
    return this.say('CREATE_GENERAL_OBJECT', 0x10 + NET_Q_SIZE, (input) => {
      this.fillQueue(input, index);
      change?.(input);
    });
  }

  /** Modify queue object `id`. */
  modify(id: number, select: number, state = 0, fill?: (input: Uint8Array) => void): string {
    return this.say('MODIFY_GENERAL_OBJECT', 0x10 + NET_Q_SIZE, (input) => {
      this.fillQueue(input);
      putField(input, 0, HEADER.obj_id, id);
      put64(input, 0x10, select);
      putField(input, 0x10, NET_Q.state, state);
      fill?.(input);
    });
  }

  query(id: number): Uint8Array {
    return this.answer(
      'QUERY_GENERAL_OBJECT',
      0x10,
      (input) => {
        putField(input, 0, HEADER.obj_type, OBJECT.VIRTIO_NET_Q);
        putField(input, 0, HEADER.obj_id, id);
      },
      0x10 + NET_Q_SIZE,
    );
  }

  destroyObject(type: number, id: number): string {
    return this.say('DESTROY_GENERAL_OBJECT', 0x10, (input) => {
      putField(input, 0, HEADER.obj_type, type);
      putField(input, 0, HEADER.obj_id, id);
    });
  }

  /** Create a memory key: mode 1 over pages of 4096 bytes, mode 2 over other keys. */
  fillKey(input: Uint8Array, mode: number, start: number, length: number, octwords: number): void {
    const at = CONTEXT_AT.mkey;
    putField(input, at, [0x00, 9, 8], mode);
    putField(input, at, [0x00, 11, 10], 3);
    putField(input, at, [0x0c, 23, 0], this.base().pd);
    put64(input, at + 0x10, start);
    put64(input, at + 0x18, length);
    putField(input, at, [0x38, 5, 0], 12);
    putField(input, 0, [0x60, 31, 0], octwords);
  }

  pagesKey(length: number, pages: readonly number[], start = 0): string {
    return this.say('CREATE_MKEY', LIST_AT.mkey + pages.length * 16, (input) => {
      this.fillKey(input, 1, start, length, Math.ceil(pages.length / 2));
      for (const [i, page] of pages.entries()) put64(input, LIST_AT.mkey + 8 * i, page);
    });
  }

  keyOfKeys(
    length: number,
    parts: readonly (readonly [size: number, key: number, from?: number])[],
    start = 0,
  ): string {
    return this.say('CREATE_MKEY', LIST_AT.mkey + parts.length * 16, (input) => {
      this.fillKey(input, 2, start, length, parts.length);
      for (const [i, [size, key, from = 0]] of parts.entries()) {
        putField(input, LIST_AT.mkey + 16 * i, [0, 31, 0], size);
        putField(input, LIST_AT.mkey + 16 * i, [4, 31, 0], key);
        put64(input, LIST_AT.mkey + 16 * i + 8, from);
      }
    });
  }
}
