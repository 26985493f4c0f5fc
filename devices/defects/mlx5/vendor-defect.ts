import type { ParentInstance } from '../../../framework/parent.ts';
import type { Mlx5Device } from '../../mlx5/driver/mlx5-device.ts';
import type { Mlx5Function } from '../../mlx5/firmware/mlx5-function.ts';
import type { Mlx5Instance } from '../../mlx5/parents.ts';
import { CONTEXT_AT, HEADER, OPCODE } from '../../mlx5/prm/commands.ts';
import { get64, getField, put64 } from '../../mlx5/prm/fields.ts';
import { MODIFY_SELECT_AT } from '../../mlx5/prm/net-queue.ts';
import { type Defect, type DefectFacts, defineDefect, USUAL } from '../defect.ts';

export const OBJECT_AT = CONTEXT_AT.generalObject;

/** A parent driver that goes wrong on the way between contract and commands. */
export const vendor = (facts: DefectFacts, seed: (device: Mlx5Device, below: Mlx5Function) => void): Defect =>
  defineDefect({
    parents: ['mlx5-net'],
    ...USUAL,
    ...facts,
    seed(_, instance: ParentInstance) {
      const { device, function: below } = instance as Mlx5Instance;
      seed(device, below);
    },
  });

/** Change the commands of these opcodes before the firmware gets them, in a copy. */
export function onCommand(
  below: Mlx5Function,
  opcodes: readonly number[],
  change: (input: Uint8Array) => void,
): void {
  const { execute } = below;
  below.execute = (input, length) => {
    if (!opcodes.includes(getField(input, 0, HEADER.opcode))) return execute.call(below, input, length);
    const copy = input.slice();
    change(copy);
    return execute.call(below, copy, length);
  };
}

/** The bits of a MODIFY of a queue object, changed. */
export function onModify(below: Mlx5Function, change: (select: number, input: Uint8Array) => number): void {
  onCommand(below, [OPCODE.MODIFY_GENERAL_OBJECT], (input) => {
    const select = get64(input, OBJECT_AT + MODIFY_SELECT_AT);
    put64(input, OBJECT_AT + MODIFY_SELECT_AT, change(select, input));
  });
}
