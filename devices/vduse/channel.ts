/**
 * What kernel and daemon share: whose turn it is, what is being said, the memory that mappings lie in, and a journal of
 * what the daemon did to it. One side works while the other waits, so that a history depends on nothing but the calls.
 */

/** Cells of `Channel.cells`, 32 bits each. */
export const CELL = {
  /** Who may work: see {@link TURN}. */
  TURN: 0,
  /** What is said with the turn: see {@link SAID}. */
  SAID: 1,
  /** Ioctl: number, then what it returned. Work: units asked for, then done. */
  VALUE: 2,
  /** The daemon has more to do without being kicked. */
  BUSY: 3,
  /** The daemon has closed the device node. */
  CLOSED: 4,
  /** Bytes in the journal. */
  JOURNAL: 5,
  /** Bytes of a command or ioctl argument. */
  LENGTH: 6,
  /** The kernel wants to hear of loads as well. */
  READS: 7,
  /** Eventfds of the queues: kicks that were not taken yet, by queue. */
  KICK: 8,
} as const;

export const TURN = { KERNEL: 0, DAEMON: 1 } as const;

/** What a turn is about. */
export const SAID = {
  /** Kernel: a request can be read. Daemon: its answer was written. */
  MESSAGE: 1,
  /** Daemon: an ioctl. Kernel: it returned. */
  IOCTL: 2,
  /** Kernel: time to work. Daemon: done. */
  WORK: 3,
  /** Kernel: a command to the daemon's own control, as JSON. Daemon: done. */
  COMMAND: 4,
  /** Daemon: the journal is full. Kernel: it is empty again. */
  JOURNAL: 5,
} as const;

/**
 * Kinds of journal entries: what was done, where, how much; data follows stores. An ioctl that is not waited for has its
 * number as detail and its argument as data. A frame that left for the network
 * behind the daemon has its metadata as JSON (the address is its length) and then its bytes as data.
 */
export const ENTRY_KIND = {
  STORE: 1,
  LOAD: 2,
  FAULT: 3,
  VQ_IRQ: 4,
  CONFIG_IRQ: 5,
  FRAME: 6,
  IOCTL: 7,
} as const;
/** What a daemon gives away, in place of the queue of a frame: frames it had not delivered, pages of its disk. */
export const GIVEN = { FRAME: 0xffff_fff0, STABLE: 0xffff_fff1, CACHE: 0xffff_fff2 } as const;

/** A page of a disk with its number before it. */
export function pageBytes(number: number, page: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + page.length);
  new DataView(bytes.buffer).setFloat64(0, number, true);
  bytes.set(page, 8);
  return bytes;
}

/** The same, taken apart. */
export const pageOf = (bytes: Uint8Array): [number: number, page: Uint8Array] => [
  new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true),
  bytes.slice(8),
];

/** Bytes of an entry's head: kind u32, length u32, address f64, detail u32, padding. */
export const ENTRY_HEAD = 24;

/** Room for one ioctl argument or command with the bytes that go with it, and for all entries between two turns. */
const AREA = 1 << 18;
/** Where in the area the bytes of a command are. */
const BYTES_AT = 1 << 17;
const JOURNAL = 1 << 20;

/** Most queues of a device; each has a kick cell. */
export const MOST_QUEUES = 64;

export interface Channel {
  readonly cells: Int32Array;
  /** One message. */
  readonly message: DataView;
  /** One ioctl argument, or one command. */
  readonly area: DataView;
  readonly journal: DataView;
  readonly memory: SharedArrayBuffer;
}

/** The parts of a channel as they are handed to a worker. */
export interface ChannelBuffers {
  readonly control: SharedArrayBuffer;
  readonly memory: SharedArrayBuffer;
}

const CELL_BYTES = 4 * (CELL.KICK + MOST_QUEUES);
const MESSAGE_AT = 512;
const AREA_AT = 1024;

/** Buffers for a device that reaches `size` bytes of host memory. */
export function createBuffers(size: number): ChannelBuffers {
  return { control: new SharedArrayBuffer(AREA_AT + AREA + JOURNAL), memory: new SharedArrayBuffer(size) };
}

/** The channel in `buffers`. */
export function openChannel({ control, memory }: ChannelBuffers): Channel {
  return {
    cells: new Int32Array(control, 0, CELL_BYTES / 4),
    message: new DataView(control, MESSAGE_AT, 152),
    area: new DataView(control, AREA_AT, AREA),
    journal: new DataView(control, AREA_AT + AREA, JOURNAL),
    memory,
  };
}

/** Store `text` in the area. */
export function putText({ area, cells }: Channel, text: string): void {
  const bytes = new TextEncoder().encode(text);
  new Uint8Array(area.buffer, area.byteOffset, area.byteLength).set(bytes);
  cells[CELL.LENGTH] = bytes.length;
}

/** Store what goes with a command. */
export function putBytes({ area }: Channel, bytes: Uint8Array): void {
  new Uint8Array(area.buffer, area.byteOffset + BYTES_AT, bytes.length).set(bytes);
}

/** A copy of `length` bytes that came with a command. */
export const getBytes = ({ area }: Channel, length: number): Uint8Array =>
  new Uint8Array(area.buffer, area.byteOffset + BYTES_AT, length).slice();

/** The text in the area. */
export function getText({ area, cells }: Channel): string {
  const bytes = new Uint8Array(cells[CELL.LENGTH]);
  bytes.set(new Uint8Array(area.buffer, area.byteOffset, bytes.length));
  return new TextDecoder().decode(bytes);
}
