import type { AccessSize } from '../../framework/transport/access.ts';
import { NO_VECTOR } from '../../framework/transport/transport.ts';
import { configFields } from '../../specs/virtio-1.1/config-space.ts';
import { bitMask, F_NOTIFICATION_DATA } from '../../specs/virtio-1.1/features.ts';
import type { Session } from '../session/session.ts';
import { FUNCTION_CHECKS, type FunctionSeen } from '../transport/function-checks.ts';
import { member, STRUCTURES, type StructureName } from '../transport/function-view.ts';
import {
  capsOf,
  functionOf,
  pciOf,
  registerPlace,
  selectQueue,
  structure,
  until,
} from '../transport/reach.ts';
import { barSpace } from '../transport/recorded-access.ts';
import { judgeValue, seen, VALUE, type ValueArgs, type ValueSeen } from '../transport/value.ts';
import { QUEUE_ARG, queueIndex } from './request-steps.ts';
import {
  BOOL,
  COUNT,
  type Count,
  defineStep,
  EXPRESSION,
  INT,
  judgeCount,
  list,
  obj,
  oneOf,
  orExpression,
  type Problem,
} from './step.ts';

interface PciConfigArgs extends ValueArgs {
  capability?: StructureName | 'msix';
  at: number;
  size?: AccessSize;
  write?: number;
}

/** `pci-config`: configuration space of the function. */
export const pciConfigStep = defineStep<PciConfigArgs, ValueSeen>({
  name: 'pci-config',
  summary:
    'Read `size` bytes (default 4) of PCI configuration space at `at`, counted from a `capability` where one is named, ' +
    'and hold them against `equals`, `one-of`, `min`, `max` (after `mask`), `same` or `differs`. With `write` they are ' +
    'written first.',
  example: '{pci-config: {at: 0, size: 2, equals: 6900}}',
  schema: obj(
    {
      capability: oneOf(...Object.keys(STRUCTURES), 'msix'),
      at: INT,
      size: oneOf(1, 2, 4),
      write: INT,
      ...VALUE,
    },
    ['at'],
  ),
  run(session, args) {
    const { config } = pciOf(session);
    const at = capabilityPlace(session, args.capability) + args.at;
    const size = args.size ?? 4;
    if (args.write !== undefined) config.write(at, size, args.write);
    return judges(args) ? seen(session, args, config.read(at, size)) : undefined;
  },
  judge: (args, value) => judgeValue(`configuration space +${args.at}`, args, value),
});

/** Whether anything is wanted of a value at all: otherwise it is not even read. */
function judges(args: ValueArgs): boolean {
  return Object.keys(args).some((key) => key in VALUE && key !== 'mask');
}

function capabilityPlace(session: Session, name: PciConfigArgs['capability']): number {
  if (name === undefined) return 0;
  if (name === 'msix') return (functionOf(session).msix ?? session.lacks('the function has no MSI-X')).at;
  const cap = functionOf(session).caps.find(({ type }) => type === STRUCTURES[name]);
  return (cap ?? session.stop(`no ${name} capability`)).at;
}

/** `pci-function`: what configuration space says about the function. */
export const pciFunctionStep = defineStep<{ check: string }, FunctionSeen>({
  name: 'pci-function',
  summary:
    'Walk PCI configuration space and check one thing about what is found: the header, the capability list, a virtio ' +
    `structure. There are ${Object.keys(FUNCTION_CHECKS).join(', ')}.`,
  example: '{pci-function: {check: common-present}}',
  schema: obj({ check: oneOf(...Object.keys(FUNCTION_CHECKS)) }, ['check']),
  run(session, { check }) {
    const { access } = pciOf(session);
    const offered = session.offered;
    return {
      view: functionOf(session),
      bars: access.bars.map((bar) => (bar === null ? null : { kind: bar.kind, size: bar.size })),
      ...(check === 'bars' ? { sizing: sizeBars(session) } : {}),
      type: session.deviceType,
      transitional: access.facts.transitional ?? false,
      notificationData: (offered & F_NOTIFICATION_DATA) !== 0n,
      ...(check === 'notify-room' ? { notifyOffsets: notifyOffsets(session) } : {}),
      configEnd: configFields(session.deviceType)
        .filter(({ condition }) => condition.length === 0 || condition.some((f) => offered & bitMask([f])))
        .reduce((end, { offset, width }) => Math.max(end, offset + width), 0),
    };
  },
  judge: ({ check }, what) => FUNCTION_CHECKS[check](what),
});

/** Write all ones to each BAR and read back, with decoding off; everything is put back. */
function sizeBars(session: Session): number[] {
  const { config } = pciOf(session);
  const command = config.read(0x04, 2);
  config.write(0x04, 2, command & ~3);
  const masks = [0, 1, 2, 3, 4, 5].map((i) => {
    const at = 0x10 + 4 * i;
    const old = config.read(at, 4);
    config.write(at, 4, 0xffff_ffff);
    const mask = config.read(at, 4);
    config.write(at, 4, old);
    return mask;
  });
  config.write(0x04, 2, command);
  return masks;
}

function notifyOffsets(session: Session): { q: number; off: number }[] {
  const read = (name: string) => {
    const { space, at, size } = registerPlace(session, name, undefined, undefined);
    return space.read(at, size);
  };
  return Array.from({ length: read('num_queues') }, (_, q) => {
    selectQueue(session, q);
    return { q, size: read('queue_size'), off: read('queue_notify_off') };
  })
    .filter(({ size }) => size !== 0)
    .map(({ q, off }) => ({ q, off }));
}

const VECTOR = { anyOf: [INT, { enum: ['none'] }, EXPRESSION] };
type Vector = number | 'none';

/** `vectors`: how the next bring-up uses interrupts. */
export const vectorsStep = defineStep<
  { mode?: 'msix' | 'intx' | 'manual'; config?: Vector; queue?: Vector; queues?: Vector[]; listen?: boolean },
  never
>({
  name: 'vectors',
  summary:
    'From the next reset on: MSI-X with events mapped to these vectors (`config`, `queue` for all queues, `queues` by ' +
    'index; none unmaps), or INTx, or INTx that nobody answers (`manual`), so that steps can look at pin and ISR status.',
  example: '{vectors: {mode: msix, config: 0, queue: 1}}',
  schema: obj({
    mode: oneOf('msix', 'intx', 'manual'),
    config: VECTOR,
    queue: VECTOR,
    queues: orExpression(list(VECTOR)),
    listen: { ...BOOL, description: 'Register callbacks (default); with false messages are left to steps.' },
  }),
  run(session, args) {
    const { transport } = pciOf(session);
    const { plan } = transport;
    const number = (vector: Vector) => (vector === 'none' ? NO_VECTOR : vector);
    plan.mode = args.mode ?? 'msix';
    if (plan.mode === 'msix' && functionOf(session).msix === null) session.lacks('the function has no MSI-X');
    if (plan.mode !== 'msix' && !transport.access.facts.intx)
      session.lacks('the INTx pin of the function cannot be observed');
    plan.config = args.config === undefined ? undefined : number(args.config);
    plan.queues.clear();
    const byHand = plan.mode === 'manual' || args.listen === false;
    session.deaf = { queues: byHand || args.queue === 'none', config: byHand || args.config === 'none' };
    const { nvqs } = session.instance.device;
    if (args.queue !== undefined) for (let q = 0; q < nvqs; q++) plan.queues.set(q, number(args.queue));
    for (const [q, vector] of (args.queues ?? []).entries()) plan.queues.set(q, number(vector));
  },
});

interface MessagesSeen {
  vector: number;
  others: number;
}

/** `messages`: MSI-X messages that arrived. */
export const messagesStep = defineStep<{ vector?: number; count?: Count; others?: Count }, MessagesSeen>({
  name: 'messages',
  summary:
    'Count MSI-X messages since the last look: `count` of `vector`, and `others` of all other vectors. Where a minimum is ' +
    'wanted it is waited for. Messages may stand for several events of one vector.',
  example: '{messages: {vector: 1, count: {min: 1}, others: 0}}',
  schema: obj({ vector: INT, count: COUNT, others: COUNT }),
  run(session, args) {
    const { access } = pciOf(session);
    const count = functionOf(session).msix?.count ?? 0;
    const result: MessagesSeen = { vector: 0, others: 0 };
    const least = typeof args.count === 'number' ? args.count : (args.count?.min ?? 0);
    until(session, () => {
      for (let vector = 0; vector < count; vector++) {
        const came = access.interrupts.takeMessages(vector);
        if (vector === args.vector) result.vector += came;
        else result.others += came;
      }
      return result.vector >= least;
    });
    return result;
  },
  judge: (args, { vector, others }) => [
    ...judgeCount(`messages of vector ${args.vector}`, args.count, vector),
    ...judgeCount('messages of other vectors', args.others, others),
  ],
});

/** `intx`: the interrupt pin. */
export const intxStep = defineStep<{ level: 'high' | 'low' }, { level: 'high' | 'low' }>({
  name: 'intx',
  summary: 'The INTx pin is asserted (high) or not (low). High is waited for.',
  example: '{intx: {level: high}}',
  schema: obj({ level: oneOf('high', 'low') }, ['level']),
  run(session, args) {
    const { access } = pciOf(session);
    if (!access.facts.intx) session.lacks('the INTx pin of the function cannot be observed');
    const level = () => (access.interrupts.intx() ? 'high' : 'low');
    until(session, () => level() === 'high' || args.level === 'low');
    return { level: level() };
  },
  judge: (args, { level }) =>
    level === args.level ? [] : [{ expected: `INTx ${args.level}`, actual: level }],
});

interface EntryArgs {
  vector: number;
  mask?: boolean;
  pending?: boolean;
  keeps?: boolean;
}

/** `msix-entry`: one entry of the MSI-X table. */
export const msixEntryStep = defineStep<EntryArgs, { pending?: boolean; kept?: boolean }>({
  name: 'msix-entry',
  summary:
    'Mask or unmask one entry of the MSI-X table, look at its pending bit, or see that the entry keeps what is written to ' +
    'it (`keeps`).',
  example: '{msix-entry: {vector: 0, mask: true}}',
  schema: obj({ vector: INT, mask: BOOL, pending: BOOL, keeps: BOOL }, ['vector']),
  run(session, args) {
    const { access } = pciOf(session);
    const msix = functionOf(session).msix ?? session.lacks('the function has no MSI-X');
    const table = barSpace(access, msix.table.bar, session.recorder);
    const at = msix.table.offset + 16 * args.vector;
    if (args.mask !== undefined) table.write(at + 12, 4, args.mask ? 1 : 0);
    const kept = args.keeps ? keepsEntry(table, at) : undefined;
    if (args.pending === undefined) return kept === undefined ? undefined : { kept };
    const byte = msix.pending.offset + 4 * Math.floor(args.vector / 32);
    const bits = () => barSpace(access, msix.pending.bar, session.recorder).read(byte, 4);
    const pending = () => (Math.floor(bits() / 2 ** (args.vector % 32)) & 1) !== 0;
    until(session, () => pending() || !args.pending);
    return { pending: pending(), kept };
  },
  judge(args, what) {
    const problems: Problem[] = [];
    if (args.pending !== undefined && what.pending !== args.pending)
      problems.push({
        expected: `pending bit of vector ${args.vector}: ${args.pending}`,
        actual: String(what.pending),
      });
    if (args.keeps && what.kept !== true)
      problems.push({
        expected: `entry ${args.vector} keeps address and data`,
        actual: 'other values read back',
      });
    return problems;
  },
});

/** Whether a table entry reads back what is written; it is masked meanwhile, and put back. */
function keepsEntry(table: ReturnType<typeof barSpace>, at: number): boolean {
  const old = [0, 4, 8, 12].map((i) => table.read(at + i, 4));
  table.write(at + 12, 4, 1);
  const values = [0xfee1_2340, 0, 0x4321];
  for (const [i, value] of values.entries()) table.write(at + 4 * i, 4, value);
  const kept = values.every((value, i) => table.read(at + 4 * i, 4) === value);
  for (const [i, value] of old.entries()) table.write(at + 4 * i, 4, value);
  return kept;
}

interface DoorbellArgs {
  queue?: number | string;
  value?: number;
  size?: AccessSize;
  data?: boolean;
  via?: 'bar' | 'window' | number;
}

/** `doorbell`: a notification as a register write. */
export const doorbellStep = defineStep<DoorbellArgs, never>({
  name: 'doorbell',
  summary:
    "Write to a queue's notification address (4.1.5.2): its index as 16 bits, notification data (2.7.23) with " +
    '`data`, or `value` with `size`; through the BAR, the configuration window, or the n-th notification capability.',
  example: '{doorbell: {queue: tx, via: window}}',
  schema: obj({
    queue: QUEUE_ARG,
    value: INT,
    size: oneOf(2, 4),
    data: BOOL,
    via: { anyOf: [{ enum: ['bar', 'window'] }, INT, EXPRESSION] },
  }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    selectQueue(session, idx);
    const { space, at, size } = registerPlace(session, 'queue_notify_off', undefined, undefined);
    const off = space.read(at, size);
    const notify = structure(session, 'notify', args.via);
    const data = args.data ? (session.queues.must(idx).ring.notificationData() | idx) >>> 0 : undefined;
    notify.write(off * notify.multiplier, args.data ? 4 : (args.size ?? 2), args.value ?? data ?? idx);
  },
});

/** `instances`: how often a structure is there. */
export const instancesStep = defineStep<{ structure: StructureName; min: number }, never>({
  name: 'instances',
  summary:
    'Go on only if the function has at least `min` capabilities for a structure; otherwise the case is skipped.',
  example: '{instances: {structure: notify, min: 2}}',
  schema: obj({ structure: oneOf(...Object.keys(STRUCTURES)), min: INT }, ['structure', 'min']),
  run(session, args) {
    if (capsOf(session, args.structure).length < args.min)
      session.lacks(`the function has less than ${args.min} ${args.structure} structures`);
  },
});

interface WindowArgs {
  name?: string;
  structure?: StructureName;
  at?: number;
  size?: AccessSize;
}

/** `window-at`: where the configuration window points. */
export const windowAtStep = defineStep<WindowArgs, { wrote: number[]; read: number[] }>({
  name: 'window-at',
  summary:
    'Point the configuration window (4.1.4.7) at a register of the common configuration, or at `size` bytes at `at` of a ' +
    '`structure`. The fields read back what was written.',
  example: '{window-at: {name: device_status}}',
  schema: obj({
    name: { type: 'string' },
    structure: oneOf('common', 'notify', 'isr', 'device'),
    at: INT,
    size: oneOf(1, 2, 4),
  }),
  run(session, args) {
    const { config } = pciOf(session);
    const window = capabilityPlace(session, 'window');
    const row = args.name === undefined ? undefined : member('pci-common-cfg', args.name);
    const size = args.size ?? (row === undefined ? 4 : row.width === 8 ? 4 : (row.width as AccessSize));
    const cap = capsOf(session, args.structure ?? 'common')[0] ?? session.stop('no such structure');
    const wrote = [cap.bar, cap.offset + (row?.offset ?? args.at ?? 0), size];
    const fields = [4, 8, 12].map((at) => window + at);
    const widths = [1, 4, 4] as const;
    for (const [i, at] of fields.entries()) config.write(at, widths[i], wrote[i]);
    return { wrote, read: fields.map((at, i) => config.read(at, widths[i])) };
  },
  judge: (_, { wrote, read }) =>
    wrote.every((value, i) => value === read[i])
      ? []
      : [
          {
            expected: `the window at BAR ${wrote[0]}, offset ${wrote[1]}, length ${wrote[2]}`,
            actual: `BAR ${read[0]}, offset ${read[1]}, length ${read[2]}`,
          },
        ],
});
