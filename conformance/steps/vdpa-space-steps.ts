import { ERRNO, type IotlbEntry, initialVqState, PERM } from '../../framework/device.ts';
import { IOTLB_MAX_ENTRIES } from '../../framework/memory/iotlb.ts';
import { USER_BASE } from '../../framework/vhost-vdpa/process.ts';
import type { Buffer } from '../session/buffers.ts';
import type { Session } from '../session/session.ts';
import { queueIndex } from './request/queue-arg.ts';
import { defineStep, INT, list, obj, oneOf, TEXT } from './step.ts';

const PAGE = 4096;
const pages = (size: number) => Math.ceil(size / PAGE) * PAGE;

const named = (session: Session, name: string) =>
  session.memory.named(name) ?? session.stop(`no memory is called ${name}`);

/** `overlay`: one address, other memory in another address space. */
export const overlayStep = defineStep<{ memory: string; at: string; asid: number }, { error: number }>({
  name: 'overlay',
  summary:
    'In address space `asid`, map `memory` where `at` lies in address space 0. Both were allocated with `perm`.',
  example: '{overlay: {memory: mine, at: theirs, asid: 1}}',
  schema: obj({ memory: TEXT, at: TEXT, asid: INT }, ['memory', 'at', 'asid']),
  run(session, args) {
    const { pa, size } = named(session, args.memory);
    const { iova } = named(session, args.at);
    const space = session.virtio.spaces[args.asid] ?? session.lacks(`there is no address space ${args.asid}`);
    if (space.table.find(iova) !== undefined)
      session.memory.unmap({ pa, iova, size: pages(size) }, args.asid);
    return { error: session.memory.map({ pa, iova, size: pages(size) }, PERM.RW, args.asid) };
  },
  judge: (_, { error }) =>
    error < 0 ? [{ expected: 'the mapping is accepted', actual: `error ${error}`, blocked: true }] : [],
});

/** `move-page`: the process puts another page behind its address. */
export const movePageStep = defineStep<{ memory: string; bytes?: number }, { pa: number }>({
  name: 'move-page',
  summary:
    'The process that drives the device maps another page of memory, filled with `bytes` (default 0), at the user address ' +
    'of a page that was allocated with `perm`. Needs the bus driver vhost-vdpa.',
  example: '{move-page: {memory: page, bytes: 0x77}}',
  schema: obj({ memory: TEXT, bytes: INT }, ['memory']),
  run(session, { memory, bytes = 0 }) {
    const process = session.process ?? session.lacks('no process drives the device');
    const { pa } = named(session, memory);
    const to = session.memory.spare(bytes);
    const address = USER_BASE + pa;
    const whole = process.memory.find(address)!;
    const offset = address - whole.start;
    const first = (whole.pages as number) + offset;
    const part = (start: number, size: number, at: number, from = whole.offset ?? 0) =>
      size > 0 && process.memory.map({ ...whole, start, size, pages: at, offset: from });
    process.memory.unmap(whole.start);
    part(whole.start, offset, whole.pages as number);
    part(address, PAGE, to);
    part(address + PAGE, whole.size - offset - PAGE, first + PAGE, (whole.offset ?? 0) + offset + PAGE);
    const { iova } = named(session, memory);
    session.memory.rehome(memory, to);
    session.recorder.push({ k: 'map', asid: 0, iova, pa, size: PAGE, perm: 0 });
    session.recorder.push({ k: 'map', asid: 0, iova, pa: to, size: PAGE, perm: PERM.RW });
    return { pa: to };
  },
});

/** `failing-table`: a whole table that cannot be taken. */
export const failingTableStep = defineStep<
  { first: string; last: string; what: 'too-many' | 'overlap' },
  { error: number }
>({
  name: 'failing-table',
  summary:
    'Hand set_map a table that begins with the mapping of `first`, ends with that of `last` and everything else of address ' +
    'space 0, and has in between more entries than a table can hold (`too-many`) or two that overlap. It must refuse.',
  example: '{failing-table: {first: a, last: b, what: too-many}}',
  schema: obj({ first: TEXT, last: TEXT, what: oneOf('too-many', 'overlap') }, ['first', 'last', 'what']),
  run(session, { first, last, what }) {
    const setMap =
      session.ops.setMap?.bind(session.ops) ?? session.lacks('no whole table can be handed over');
    const { entries } = session.virtio.spaces[0].table;
    const [begin, end] = [first, last].map((name) => {
      const { iova } = named(session, name);
      return entries.find((entry) => entry.iova === iova) ?? session.stop(`${name} is not mapped`);
    });
    const rest = entries.filter((entry) => entry !== begin && entry !== end);
    const stray = (i: number): IotlbEntry => ({
      iova: STRAY + 2 * i * PAGE,
      size: PAGE,
      addr: 0,
      perm: PERM.RO,
    });
    const bad =
      what === 'overlap'
        ? [stray(0), stray(0)]
        : Array.from({ length: IOTLB_MAX_ENTRIES }, (_, i) => stray(i));
    return { error: setMap(0, [begin, ...bad, end, ...rest]) };
  },
  judge: (_, { error }) =>
    error < 0 ? [] : [{ expected: 'the table is refused', actual: 'accepted', blocked: true }],
});

/** Where pages are mapped that no request uses. */
const STRAY = 0x9_0000_0000;

/** `all-or-none`: requests that the state of a table decides together. */
export const allOrNoneStep = defineStep<{ as: string[] }, { used: string[]; all: number }>({
  name: 'all-or-none',
  summary: 'Of the buffers named either all came back or none did.',
  example: '{all-or-none: {as: [a, b]}}',
  schema: obj({ as: list(TEXT, 1) }, ['as']),
  run(session, { as }) {
    const buffers = as.map(
      (name) => session.buffers.named(name) ?? session.stop(`no buffer is called ${name}`),
    );
    for (const q of new Set(buffers.map((buffer) => buffer.q))) session.queues.collect(q);
    const served = (buffer: Buffer) => buffer.used !== undefined && session.buffers.lastByte(buffer) === 0;
    return { used: buffers.filter(served).map(({ name }) => name), all: buffers.length };
  },
  judge: (_, { used, all }) =>
    used.length === 0 || used.length === all
      ? []
      : [{ expected: 'all of the buffers are served or none', actual: `only ${used.join(', ')}` }],
});

/** `fill-table`: mappings until no more are taken. */
export const fillTableStep = defineStep<{ most: number }, { taken: number; error: number }>({
  name: 'fill-table',
  summary:
    'Map single pages that no request uses until the parent refuses one, `most` at the most, and unmap them again. ' +
    'The refusal has to come, with ENOSPC (through vhost-vdpa: with any errno, because the node has one for all).',
  example: '{fill-table: {most: 4096}}',
  schema: obj({ most: INT }, ['most']),
  run(session, { most }) {
    const { ops } = session;
    if (ops.dmaMap === undefined) session.lacks('the parent has no dmaMap');
    let error = 0;
    let taken = 0;
    for (; taken < most && error >= 0; taken++)
      error = ops.dmaMap!(0, STRAY + 2 * taken * PAGE, PAGE, 0, PERM.RO);
    if (error < 0) taken--;
    for (let i = 0; i < taken; i++) ops.dmaUnmap!(0, STRAY + 2 * i * PAGE, PAGE);
    return { taken, error: session.process === null || error >= 0 ? error : -ERRNO.ENOSPC };
  },
  judge({ most }, { taken, error }) {
    const expected = `ENOSPC before ${most} further mappings`;
    if (error >= 0) return [{ expected, actual: `${taken} were taken` }];
    return error === -ERRNO.ENOSPC ? [] : [{ expected, actual: `errno ${-error} after ${taken}` }];
  },
});

/** `unplug`: the device goes while it is in use. */
export const unplugStep = defineStep<Record<string, never>, never>({
  name: 'unplug',
  summary: 'Take the device off the bus and delete it. Only `activity` and `pump` make sense afterwards.',
  example: '{unplug: {}}',
  schema: obj({}),
  run: (session) => session.unplug(),
});

/** `position-or-error`: what get_vq_state says about a queue that runs. */
export const positionOrErrorStep = defineStep<
  { queue?: number | string },
  { error: number; got: number; position: number }
>({
  name: 'position-or-error',
  summary:
    'Collect used buffers; then get_vq_state of the idle queue fails, or tells the position at which the next buffer is used.',
  example: '{position-or-error: {}}',
  schema: obj({ queue: { anyOf: [INT, oneOf('rx', 'tx')] } }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    session.queues.collect(idx);
    const { ring, packed } = session.queues.must(idx);
    const state = initialVqState();
    state.split.availIndex = 0xdead;
    const error = session.ops.getVqState(idx, state);
    const { lastAvailIdx, lastAvailCounter } = state.packed;
    const got = packed ? lastAvailIdx | (lastAvailCounter << 15) : state.split.availIndex;
    return { error, got, position: ring.usedPosition };
  },
  judge: (_, { error, got, position }) =>
    error < 0 || got === position
      ? []
      : [{ expected: `an error, or position ${position}`, actual: `position ${got}` }],
});

/** `state-or-refusal`: a position that is taken is kept. */
export const stateOrRefusalStep = defineStep<
  { queue?: number | string; index: number },
  { error: number; got: number; read: number }
>({
  name: 'state-or-refusal',
  summary:
    'set_vq_state of a queue that is not ready to `index`: it is refused, or get_vq_state (where it answers) gives it back.',
  example: '{state-or-refusal: {index: 5}}',
  schema: obj({ queue: { anyOf: [INT, oneOf('rx', 'tx')] }, index: INT }, ['index']),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    const state = initialVqState();
    state.split.availIndex = args.index;
    state.packed.lastAvailIdx = args.index;
    state.packed.lastUsedIdx = args.index;
    const error = session.ops.setVqState(idx, state);
    const after = initialVqState();
    const read = session.ops.getVqState(idx, after);
    const packed = session.has('VIRTIO_F_RING_PACKED');
    return { error, read, got: packed ? after.packed.lastAvailIdx : after.split.availIndex };
  },
  judge: ({ index }, { error, read, got }) =>
    error < 0 || read < 0 || got === index
      ? []
      : [{ expected: `refused, or position ${index}`, actual: `accepted, and position ${got}` }],
});

/** `serves-as-status-says`: no half-stopped device. */
export const servesAsStatusSaysStep = defineStep<{ as: string }, { running: boolean; used: boolean }>({
  name: 'serves-as-status-says',
  summary:
    'A buffer that was made available and kicked came back if the status shows DRIVER_OK (and no need of a reset), and did ' +
    'not if it does not.',
  example: '{serves-as-status-says: {as: a}}',
  schema: obj({ as: TEXT }, ['as']),
  run(session, { as }) {
    const buffer = session.buffers.named(as) ?? session.stop(`no buffer is called ${as}`);
    session.queues.collect(buffer.q);
    const status = session.ops.getStatus();
    return { running: (status & 0x44) === 0x04, used: buffer.used !== undefined };
  },
  judge: (_, { running, used }) =>
    running === used
      ? []
      : [
          {
            expected: running
              ? 'the buffer is served, as DRIVER_OK says'
              : 'the buffer is left alone without DRIVER_OK',
            actual: used ? 'served' : 'not served',
          },
        ],
});

/** `start-failed-or-not`: DRIVER_OK and failure exclude each other. */
export const startStep = defineStep<Record<string, never>, { before: number; after: number }>({
  name: 'start',
  summary:
    'Set DRIVER_OK: the status shows it, or it shows FAILED or DEVICE_NEEDS_RESET or stays as it was; never both.',
  example: '{start: {}}',
  schema: obj({}),
  run(session) {
    const before = session.ops.getStatus();
    session.virtio.addStatus(0x04);
    return { before, after: session.ops.getStatus() };
  },
  judge(_, { before, after }) {
    const failed = (after & ~before & 0xc0) !== 0;
    return failed && (after & 0x04) !== 0
      ? [{ expected: 'no DRIVER_OK after a start that failed', actual: `status 0x${after.toString(16)}` }]
      : [];
  },
});

/** `interrupts`: numbers of the queues' interrupts. */
export const interruptsStep = defineStep<{ save?: boolean }, { irqs: number[]; before: number[] }>({
  name: 'interrupt-numbers',
  summary: 'get_vq_irq of every queue, twice: the same, and as at the last `save`.',
  example: '{interrupt-numbers: {save: true}}',
  schema: obj({ save: { type: 'boolean' } }),
  run(session, { save }) {
    const ask = () =>
      Array.from(
        { length: session.instance.device.nvqs },
        (_, idx) => session.ops.getVqIrq?.(idx) ?? session.lacks('the parent has no getVqIrq'),
      );
    const known = session.saved.get('irqs') as number[] | undefined;
    const before = save || known === undefined ? ask() : known;
    const irqs = ask();
    if (save) session.saved.set('irqs', irqs);
    return { irqs, before };
  },
  judge: (_, { irqs, before }) =>
    irqs.every((irq, i) => irq === before[i] || (irq < 0 && before[i] < 0))
      ? []
      : [{ expected: `interrupts ${before.join(', ')} as before`, actual: irqs.join(', ') }],
});
