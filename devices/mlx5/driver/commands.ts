import { ERRNO } from '../../../framework/device.ts';
import { ANSWER, CMD_STATUS, HEADER, LENGTH, OPCODE, type OpcodeName } from '../prm/commands.ts';
import { getField, putField } from '../prm/fields.ts';
import type { FunctionAccess } from './access.ts';

const ANSWER_SIZE = 0x10;

/** The errno that the core driver makes of a command status. */
const ERRNO_OF: Readonly<Record<number, number>> = {
  [CMD_STATUS.RES_BUSY]: ERRNO.EBUSY,
  [CMD_STATUS.LIM]: ERRNO.ENOMEM,
  [CMD_STATUS.NO_RES]: ERRNO.EAGAIN,
  [CMD_STATUS.BAD_INP_LEN]: ERRNO.EIO,
  [CMD_STATUS.BAD_OUTP_LEN]: ERRNO.EIO,
};

/** The firmware refused a command. */
export class CommandFailed extends Error {
  readonly code = 'MLX5_COMMAND_FAILED';
  readonly errno: number;
  constructor(opcode: OpcodeName, status: number, syndrome: number) {
    super(`${opcode}: status 0x${status.toString(16)}, syndrome 0x${syndrome.toString(16)}`);
    this.errno = ERRNO_OF[status] ?? ERRNO.EINVAL;
  }
}

/** The command interface from the side of the driver. */
export class Mlx5Commands {
  readonly #access: FunctionAccess;
  /** User context that commands are given for. */
  uid = 0;
  /** A mailbox of each length that was needed. */
  readonly #mailboxes = new Map<number, Uint8Array>();
  /** Commands under way: an event that arrives with one may call for another. */
  #depth = 0;

  constructor(access: FunctionAccess) {
    this.#access = access;
  }

  /**
   * Give a command of `length` bytes, which `fill` completes. Returns the answer.
   * @throws CommandFailed
   */
  run(
    opcode: OpcodeName,
    length: number = LENGTH.plain,
    fill?: (input: Uint8Array) => void,
    answer: number = ANSWER_SIZE,
  ): Uint8Array {
    const input = this.#mailbox(length);
    putField(input, 0, HEADER.opcode, OPCODE[opcode]);
    putField(input, 0, HEADER.uid, this.uid);
    fill?.(input);
    this.#depth++;
    const output = this.#access.execute(input, answer);
    this.#depth--;
    const status = getField(output, 0, ANSWER.status);
    if (status !== CMD_STATUS.OK)
      throw new CommandFailed(opcode, status, getField(output, 0, ANSWER.syndrome));
    return output;
  }

  /** Zeroed bytes that no command under way uses. */
  #mailbox(length: number): Uint8Array {
    const old = this.#depth === 0 ? this.#mailboxes.get(length) : undefined;
    if (old !== undefined) return old.fill(0);
    const made = new Uint8Array(length);
    if (this.#depth === 0) this.#mailboxes.set(length, made);
    return made;
  }

  /** Make an object. Returns its number. */
  create(opcode: OpcodeName, length?: number, fill?: (input: Uint8Array) => void): number {
    return getField(this.run(opcode, length, fill), 0, ANSWER.number);
  }

  /** Remove object `id`. */
  destroy(opcode: OpcodeName, id: number): void {
    this.run(opcode, LENGTH.plain, (input) => putField(input, 0, HEADER.number, id));
  }
}
