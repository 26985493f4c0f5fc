/** Classes of the control virtqueue of a network device (section 5.1.6.5). */
const CLASS = { RX: 0, MAC: 1, VLAN: 2, ANNOUNCE: 3, MQ: 4, OFFLOADS: 5 } as const;
const VLAN_ADD = 0;

/** A command on the control virtqueue; `data` is what follows class and command. */
export interface ControlCommand {
  readonly class: number;
  readonly command: number;
  readonly data: Uint8Array;
}

/**
 * What acknowledged control commands have set up (section 5.1.6.5), so that the same can be set up elsewhere: the
 * last value of each receive mode, the last tables and address, the VLANs added and not removed, the number of
 * queue pairs, the offloads. Kept by whoever sees the commands and their acks; no device is asked.
 */
export class ControlRecord {
  readonly #last = new Map<string, ControlCommand>();
  readonly #vlans = new Map<number, ControlCommand>();

  /** The device has acknowledged the command in `bytes`: class, command, data. */
  acknowledged(bytes: Uint8Array): void {
    const command: ControlCommand = { class: bytes[0], command: bytes[1], data: bytes.slice(2) };
    switch (command.class) {
      case CLASS.ANNOUNCE:
        return; // an acknowledgement leaves nothing behind
      case CLASS.VLAN: {
        const id = command.data[0] | (command.data[1] << 8);
        if (command.command === VLAN_ADD) this.#vlans.set(id, command);
        else this.#vlans.delete(id);
        return;
      }
      default:
        this.#last.set(`${command.class} ${command.command}`, command);
    }
  }

  /** After a reset of the device. */
  forget(): void {
    this.#last.clear();
    this.#vlans.clear();
  }

  /** Commands that set the same up on a fresh device, in an order that works on any. */
  commands(): ControlCommand[] {
    const rest = [...this.#last.values()].sort((a, b) => a.class - b.class || a.command - b.command);
    return [...rest, ...this.#vlans.values()];
  }
}

/** Bytes of a command as the device reads them. */
export function commandBytes({ class: kind, command, data }: ControlCommand): Uint8Array {
  const bytes = new Uint8Array(2 + data.length);
  bytes[0] = kind;
  bytes[1] = command;
  bytes.set(data, 2);
  return bytes;
}
