import type { AccessSize } from '../../../framework/transport/access.ts';

/** One register of a device: what reading it gives and what writing it does. Replaced one by one in defects. */
export interface Register {
  readonly name: string;
  readonly width: AccessSize;
  read(): number;
  write(value: number): void;
}

/** Registers by offset; an access hits a register when offset and width are those of the register. */
export class RegisterFile {
  readonly #at = new Map<number, Register>();
  readonly #named = new Map<string, Register>();

  /** Add a register; without `write` it is read-only, without `read` it reads 0. */
  add(
    offset: number,
    name: string,
    width: AccessSize,
    read: () => number = () => 0,
    write: (value: number) => void = () => {},
  ): void {
    const register: Register = { name, width, read, write };
    this.#at.set(offset, register);
    this.#named.set(name, register);
  }

  /** The register of that name. @throws RangeError when there is none */
  named(name: string): Register {
    const register = this.#named.get(name);
    if (register === undefined) throw new RangeError(`no register ${name}`);
    return register;
  }

  /** A driver keeps to the width of a register (4.1.3.1); other accesses read 0. */
  read(offset: number, size: AccessSize): number {
    const register = this.#at.get(offset);
    return register?.width === size ? register.read() : 0;
  }

  write(offset: number, size: AccessSize, value: number): void {
    const register = this.#at.get(offset);
    if (register?.width === size) register.write(value);
  }
}
