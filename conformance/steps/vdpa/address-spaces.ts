import { ERRNO, type IotlbEntry, PERM } from '../../../framework/device.ts';
import { IOTLB_MAX_ENTRIES } from '../../../framework/memory/iotlb.ts';
import { USER_BASE } from '../../../framework/vhost-vdpa/process.ts';
import type { Buffer } from '../../session/buffers.ts';
import type { Session } from '../../session/session.ts';
import { defineStep, INT, list, obj, oneOf, TEXT } from '../step.ts';

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
