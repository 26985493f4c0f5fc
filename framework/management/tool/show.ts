import { VDPA_ATTRIBUTES, type VdpaAttributeName } from '../../../specs/vdpa/netlink.ts';
import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import { fromLittleEndian, textOf } from '../../netlink/attribute.ts';
import type { Answer } from '../client/client.ts';
import { featureName } from './feature-names.ts';
import type { Printer } from './printer.ts';

/** Virtio device ids that the tool knows. */
const NET = 1;
const BLOCK = 2;
const CLASSES: ReadonlyMap<number, string> = new Map([
  [NET, 'net'],
  [BLOCK, 'block'],
]);
const TYPES: ReadonlyMap<number, string> = new Map([
  [NET, 'network'],
  [BLOCK, 'block'],
]);

/** Bits of the status field of network devices (section 5.1.4). */
const LINK_UP = 1;
const ANNOUNCE = 2;

const numbers = new Map<string, number>(VDPA_ATTRIBUTES.map(({ name, id }) => [name, id]));

/** Attributes of an answer by name; of several of one kind the last. */
class Attributes {
  readonly #answer: Answer;
  constructor(answer: Answer) {
    this.#answer = answer;
  }
  bytes(name: VdpaAttributeName): Uint8Array | undefined {
    return this.#answer.attributes.findLast(({ type }) => type === numbers.get(name))?.payload;
  }
  text(name: VdpaAttributeName): string | undefined {
    const bytes = this.bytes(name);
    return bytes === undefined ? undefined : textOf(bytes);
  }
  big(name: VdpaAttributeName): bigint | undefined {
    const bytes = this.bytes(name);
    return bytes === undefined ? undefined : fromLittleEndian(bytes);
  }
  number(name: VdpaAttributeName): number | undefined {
    const value = this.big(name);
    return value === undefined ? undefined : Number(value);
  }
  /** `bus/name`, or the name alone. */
  handle(): string {
    const bus = this.text('mgmtdev-bus-name');
    const name = this.text('mgmtdev-dev-name') ?? '';
    return bus === undefined ? name : `${bus}/${name}`;
  }
}

/** Prints one answer. */
export type Show = (printer: Printer, answer: Answer) => void;

/** `mgmtdev show`. */
export const showManagementDevice: Show = (printer, answer) => {
  const has = new Attributes(answer);
  start(printer, has.handle());
  const classes = has.big('mgmtdev-supported-classes');
  if (classes !== undefined) {
    printer.openArray('supported_classes');
    for (let id = 1; id < 64; id++) {
      if (((classes >> BigInt(id)) & 1n) === 0n) continue;
      const name = CLASSES.get(id) ?? '< unknown class >';
      printer.value(undefined, name, ` ${name}`);
    }
    printer.closeArray();
  }
  const most = has.number('dev-mgmtdev-max-vqs');
  if (most !== undefined) printer.value('max_supported_vqs', most, `\n  max_supported_vqs ${most}`);
  const features = has.big('dev-supported-features');
  if (features !== undefined)
    printFeatures(printer, 'dev_features', features, ((classes ?? 0n) & (1n << BigInt(NET))) !== 0n);
  end(printer);
};

/** `dev show`. */
export const showDevice: Show = (printer, answer) => {
  const has = new Attributes(answer);
  start(printer, has.text('dev-name') ?? '');
  const type = TYPES.get(has.number('dev-id') ?? 0) ?? '<unknown type>';
  printer.value('type', type, `type ${type}`);
  printer.value('mgmtdev', has.handle(), ` mgmtdev ${has.handle()}`);
  const fields = [
    ['vendor_id', 'dev-vendor-id'],
    ['max_vqs', 'dev-max-vqs'],
    ['max_vq_size', 'dev-max-vq-size'],
  ] as const;
  for (const [name, attribute] of fields) {
    const value = has.number(attribute);
    if (value !== undefined) printer.value(name, value, ` ${name} ${value}`);
  }
  end(printer);
};

/** `dev config show`. The keys `link ` and `link_announce ` end in a space. */
export const showConfig: Show = (printer, answer) => {
  const has = new Attributes(answer);
  start(printer, has.text('dev-name') ?? '');
  if (has.number('dev-id') === NET) showNetConfig(printer, has);
  end(printer);
};

function showNetConfig(printer: Printer, has: Attributes): void {
  const mac = has.bytes('dev-net-cfg-macaddr');
  if (mac !== undefined) {
    const text = Buffer.from(mac)
      .toString('hex')
      .replace(/(..)(?=.)/g, '$1:');
    printer.value('mac', text, `mac ${text} `);
  }
  const status = has.number('dev-net-status');
  if (status !== undefined) {
    const link = (status & LINK_UP) !== 0 ? 'up' : 'down';
    const announce = (status & ANNOUNCE) !== 0;
    printer.value('link ', link, `link ${link} `);
    printer.value('link_announce ', announce, `link_announce ${announce} `);
  }
  const pairs = has.number('dev-net-cfg-max-vqp');
  if (pairs !== undefined) printer.value('max_vq_pairs', pairs, `max_vq_pairs ${pairs} `);
  const mtu = has.number('dev-net-cfg-mtu');
  if (mtu !== undefined) printer.value('mtu', mtu, `mtu ${mtu} `);
  const features = has.big('dev-negotiated-features');
  if (features !== undefined) printFeatures(printer, 'negotiated_features', features, true);
}

/** `dev vstats show`: attributes in the order in which they came. */
export const showStatistics: Show = (printer, answer) => {
  const has = new Attributes(answer);
  start(printer, has.text('dev-name') ?? '');
  const features = has.big('dev-negotiated-features') ?? 0n;
  const pairs = has.number('dev-net-cfg-max-vqp') ?? 0;
  let name: string | undefined;
  for (const { type, payload } of answer.attributes) {
    if (type === numbers.get('dev-queue-index')) {
      const queue = queueType(Number(fromLittleEndian(payload)), features, pairs);
      printer.value('queue_type', queue, `queue_type ${queue} `);
    } else if (type === numbers.get('dev-vendor-attr-name')) name = textOf(payload);
    else if (type === numbers.get('dev-vendor-attr-value') && name !== undefined) {
      const value = fromLittleEndian(payload);
      printer.value(name, value, `${name} ${value} `);
    }
  }
  end(printer);
};

function queueType(index: number, features: bigint, pairs: number): string {
  if ((features & NET_F.CTRL_VQ) !== 0n && index === 2 * pairs) return 'control_vq';
  return index % 2 === 1 ? 'tx' : 'rx';
}

function start(printer: Printer, name: string): void {
  printer.open(name);
  printer.text(`${name}: `);
}

function end(printer: Printer): void {
  printer.close();
  printer.text('\n');
}

function printFeatures(printer: Printer, title: string, features: bigint, network: boolean): void {
  printer.openArray(title);
  for (let bit = 0; bit < 64; bit++) {
    if (((features >> BigInt(bit)) & 1n) === 0n) continue;
    const name = featureName(bit, network);
    printer.value(undefined, name ?? bit, ` ${name ?? `bit_${bit}`}`);
  }
  printer.closeArray();
}
