import { initialVqState, PERM, type VdpaCallback, type VqState } from '../../framework/device.ts';
import { needState } from './queue-steps.ts';
import { queueIndex } from './request/queue-arg.ts';
import {
  BOOL,
  COUNT,
  type Count,
  defineStep,
  INT,
  judgeCount,
  list,
  obj,
  oneOf,
  type Problem,
  TEXT,
} from './step.ts';

const QUEUE_ARG = { anyOf: [INT, oneOf('rx', 'tx')] };
type ErrorArg = 'any' | 'ok' | 'refused';
const ERROR = oneOf('any', 'ok', 'refused');

function judgeError(what: string, want: ErrorArg, error: number): Problem[] {
  if (want === 'ok' && error < 0) return [{ expected: `${what} succeeds`, actual: `error ${error}` }];
  if (want === 'refused' && error >= 0) return [{ expected: `${what} is refused`, actual: 'accepted' }];
  return [];
}

/** `reset-op`: the bare reset op. */
export const resetOpStep = defineStep<
  { error?: ErrorArg; flags?: number },
  { error: number; status: number }
>({
  name: 'reset-op',
  summary:
    'Call reset once (with `flags`: compat_reset; 1 also removes all mappings), whatever the status is, and expect ' +
    'success. Queues and buffers of the session are forgotten.',
  example: '{reset-op: {error: ok}}',
  schema: obj({ error: ERROR, flags: INT }),
  run(session, args) {
    const { ops } = session;
    const { flags } = args;
    const compat = () => ops.compatReset?.(flags ?? 0) ?? session.lacks('the parent has no compatReset');
    const error = flags === undefined ? ops.reset() : compat();
    session.reset();
    return { error, status: ops.getStatus() };
  },
  judge: (args, { error }) => judgeError('reset', args.error ?? 'ok', error),
});

interface SetUpArgs {
  queue?: number | string;
  size?: number;
  start?: { index: number; wrap?: 0 | 1 };
  omit?: ('num' | 'address' | 'state')[];
  ready?: boolean;
  callback?: boolean;
}

/** `set-up`: one queue, with ops left out. */
export const setUpStep = defineStep<SetUpArgs, { error: number }>({
  name: 'set-up',
  summary: 'Set one queue up on fresh rings, leaving out ops of the usual sequence (`omit`).',
  example: '{set-up: {queue: 0, size: 8, omit: [state]}}',
  schema: obj({
    queue: QUEUE_ARG,
    size: INT,
    start: obj({ index: INT, wrap: INT }, ['index']),
    omit: { anyOf: [list(oneOf('num', 'address', 'state')), TEXT] },
    ready: BOOL,
    callback: BOOL,
  }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    const { size: num = 8, start, omit, ready, callback } = args;
    return { error: session.queues.setUp(idx, { num, start, omit, ready, callback }) };
  },
  judge: (args, { error }) => (args.omit?.length ? [] : judgeError('queue set-up', 'ok', error)),
});

interface GroupAsidArgs {
  group?: number;
  queue?: number | string;
  asid: number;
  error?: ErrorArg;
}

/** `group-asid`: which address space a queue group uses. */
export const groupAsidStep = defineStep<GroupAsidArgs, { error: number }>({
  name: 'group-asid',
  summary: 'Assign a queue group (by number, or that of a `queue`) to an address space.',
  example: '{group-asid: {queue: 2, asid: 1}}',
  schema: obj({ group: INT, queue: QUEUE_ARG, asid: INT, error: ERROR }, ['asid']),
  run(session, args) {
    const { ops } = session;
    const group = args.group ?? ops.getVqGroup?.(queueIndex(session, args.queue)) ?? 0;
    return { error: ops.setGroupAsid?.(group, args.asid) ?? session.lacks('the parent has no setGroupAsid') };
  },
  judge: (args, { error }) =>
    judgeError(`assigning the group to address space ${args.asid}`, args.error ?? 'ok', error),
});

/** `mappings`: all mappings of an address space at once. */
export const mappingsStep = defineStep<
  {
    asid?: number;
    'copy-to'?: number;
    clear?: boolean;
    renew?: number;
    save?: string;
    restore?: string;
    unchanged?: string;
  },
  { refused: number }
>({
  name: 'mappings',
  summary:
    'Act on all mappings of an address space (default 0): copy them to another (`copy-to`), remove them (`clear`), or ' +
    'remove each and map it again at the same place, `renew` times over; or `save` them by name, and `restore` those of that ' +
    'name, whatever has become of them. With `unchanged` the steps go on only if nothing was mapped since.',
  example: '{mappings: {asid: 0, copy-to: 1}}',
  schema: obj({
    asid: INT,
    'copy-to': INT,
    clear: BOOL,
    renew: INT,
    save: TEXT,
    restore: TEXT,
    unchanged: TEXT,
  }),
  run(session, args) {
    const { asid = 0 } = args;
    const space = session.virtio.spaces[asid] ?? session.lacks(`the parent has no address space ${asid}`);
    const entries = [...space.table.entries];
    const region = ({ iova, size, addr }: (typeof entries)[number]) => ({ iova, size, pa: addr });
    let refused = 0;
    if (args['copy-to'] !== undefined) {
      for (const entry of entries)
        if (session.memory.map(region(entry), entry.perm, args['copy-to']) < 0) refused++;
    }
    for (let i = 0; i < (args.renew ?? 0); i++) {
      for (const entry of entries) {
        session.memory.unmap(region(entry), asid);
        if (session.memory.map(region(entry), entry.perm, asid) < 0) refused++;
      }
    }
    if (args.save !== undefined) session.saved.set(`mappings:${args.save}`, entries);
    if (args.clear) for (const entry of entries) session.memory.unmap(region(entry), asid);
    const savedAs = (name: string) =>
      (session.saved.get(`mappings:${name}`) as typeof entries | undefined) ??
      session.stop(`no mappings were saved as ${name}`);
    if (args.restore !== undefined) {
      for (const entry of savedAs(args.restore)) {
        session.memory.unmap(region(entry), asid);
        if (session.memory.map(region(entry), entry.perm, asid) < 0) refused++;
      }
    }
    if (args.unchanged !== undefined) {
      const places = (list: typeof entries) => list.map(({ iova, size }) => `${iova}+${size}`).join();
      if (places(entries) !== places(savedAs(args.unchanged))) session.stop('more is mapped than before');
    }
    return { refused };
  },
  judge: (_, { refused }) =>
    refused === 0 ? [] : [{ expected: 'the mappings are accepted', actual: `${refused} refused` }],
});

/** `stray-unmap`: unmap what was never mapped. */
export const strayUnmapStep = defineStep<Record<string, never>, { results: number[] }>({
  name: 'stray-unmap',
  summary: 'Unmap ranges that are not mapped: a page far away, and one right behind each mapping.',
  example: '{stray-unmap: {}}',
  schema: obj({}),
  run(session) {
    const { ops, virtio } = session;
    if (ops.dmaUnmap === undefined) session.lacks('the parent has no dmaUnmap');
    const { table } = virtio.spaces[0];
    const ends = table.entries
      .map(({ iova, size }) => iova + size)
      .filter((iova) => table.find(iova) === undefined);
    return { results: [0x7_0000_0000, ...ends].map((iova) => ops.dmaUnmap!(0, iova, 4096)) };
  },
});

/** `bad-asid`: mapping ops with an address space that does not exist. */
export const badAsidStep = defineStep<{ asid: number }, { accepted: string[]; tried: string[] }>({
  name: 'bad-asid',
  summary:
    'Call dma_map, set_map, reset_map and set_group_asid, where the parent has them, with a bad address space: all refuse.',
  example: '{bad-asid: {asid: 2}}',
  schema: obj({ asid: INT }, ['asid']),
  run(session, { asid }) {
    const { ops } = session;
    const page = { iova: 0x7_0000_0000, size: 4096, addr: 0, perm: PERM.RW };
    const calls: [string, (() => number) | undefined][] = [
      ['dma_map', ops.dmaMap && (() => ops.dmaMap!(asid, page.iova, page.size, page.addr, page.perm))],
      ['set_map', ops.setMap && (() => ops.setMap!(asid, [page]))],
      ['reset_map', ops.resetMap && (() => ops.resetMap!(asid))],
      ['set_group_asid', ops.setGroupAsid && (() => ops.setGroupAsid!(0, asid))],
    ];
    const tried = calls.filter(([, call]) => call !== undefined);
    if (ops.dmaUnmap) ops.dmaUnmap(asid, page.iova, page.size);
    const accepted = tried.filter(([, call]) => call!() >= 0);
    return { tried: tried.map(([name]) => name), accepted: accepted.map(([name]) => name) };
  },
  judge: ({ asid }, { accepted }) =>
    accepted.map((name) => ({ expected: `${name} refuses address space ${asid}`, actual: 'accepted' })),
});

/** `memory-edge`: a page at an end of the usable IOVAs. */
export const memoryEdgeStep = defineStep<{ as: string; edge: 'first' | 'last' }, never>({
  name: 'memory-edge',
  summary:
    'Map a page read-write at the first or the last IOVA that get_iova_range names (default: below 2^52).',
  example: '{memory-edge: {as: page, edge: last}}',
  schema: obj({ as: TEXT, edge: oneOf('first', 'last') }, ['as', 'edge']),
  run(session, args) {
    const { first, last } = session.ops.getIovaRange?.() ?? { first: 0, last: 2 ** 52 - 1 };
    const page = 4096;
    const iova =
      args.edge === 'first' ? Math.ceil(first / page) * page : Math.floor((last + 1) / page) * page - page;
    if (!session.memory.allocPageAt(args.as, iova))
      session.lacks(`the parent can map nothing at 0x${iova.toString(16)}`);
  },
});

interface LimitsSeen {
  max: number;
  min: number;
  align: number;
  sizes: number[];
  groups: number[];
  ngroups: number;
  saved?: LimitsSeen;
}

/** `limits`: facts of the queues that the parent tells. */
export const limitsStep = defineStep<
  {
    sizes?: boolean;
    'queue-size'?: boolean;
    align?: boolean;
    groups?: boolean;
    'own-control-group'?: number;
    save?: string;
    same?: string;
  },
  LimitsSeen
>({
  name: 'limits',
  summary:
    'Read what the parent tells about its queues and check it: `sizes` (1 <= minimum <= maximum), `queue-size` ' +
    '(get_vq_size at most the maximum), `align` (power of two from 4), `groups` (below their number), ' +
    '`own-control-group` (the queue of this index shares its group with no other). With `same` what is checked is as ' +
    'at an earlier `save`.',
  example: '{limits: {sizes: true}}',
  schema: obj({
    sizes: BOOL,
    'queue-size': BOOL,
    align: BOOL,
    groups: BOOL,
    'own-control-group': INT,
    save: TEXT,
    same: TEXT,
  }),
  run(session, args) {
    const { ops, instance } = session;
    const queues = Array.from({ length: instance.device.nvqs }, (_, i) => i);
    const seen: LimitsSeen = {
      max: ops.getVqNumMax(),
      min: ops.getVqNumMin?.() ?? 1,
      align: ops.getVqAlign(),
      sizes: ops.getVqSize ? queues.map((i) => ops.getVqSize!(i)) : [],
      groups: ops.getVqGroup ? queues.map((i) => ops.getVqGroup!(i)) : [],
      ngroups: instance.device.ngroups,
    };
    if (args.save !== undefined) session.saved.set(`limits:${args.save}`, seen);
    const saved =
      args.same === undefined ? undefined : (session.saved.get(`limits:${args.same}`) as LimitsSeen);
    return saved === undefined ? seen : { ...seen, saved };
  },
  judge(args, seen) {
    const problems: Problem[] = [];
    const want = (ok: boolean, expected: string, actual: string) => ok || problems.push({ expected, actual });
    const { max, min, align, sizes, groups, ngroups, saved } = seen;
    const pow2 = align >= 4 && (align & (align - 1)) === 0;
    if (args.sizes)
      want(min >= 1 && max >= min, '1 <= minimum <= maximum queue size', `minimum ${min}, maximum ${max}`);
    if (args.sizes && saved) want(saved.max === max, `maximum ${saved.max} as before`, `${max}`);
    if (args['queue-size'])
      want(
        sizes.every((n) => n <= max),
        `queue sizes up to ${max}`,
        sizes.join(', '),
      );
    if (args.align) want(pow2, 'an alignment that is a power of two from 4 on', `${align}`);
    if (args.align && saved) want(saved.align === align, `alignment ${saved.align} as before`, `${align}`);
    if (args.groups)
      want(
        groups.every((g) => g >= 0 && g < ngroups),
        `groups below ${ngroups}`,
        groups.join(', '),
      );
    if (args.groups && saved)
      want(`${saved.groups}` === `${groups}`, `groups ${saved.groups} as before`, `${groups}`);
    const control = args['own-control-group'];
    if (control !== undefined) {
      const shared = groups.filter(
        (group, i) => i !== control && i < control && group === groups[control],
      ).length;
      want(shared === 0, `queue ${control} in a group of its own`, `groups ${groups.join(', ')}`);
    }
    return problems;
  },
});

interface SettledSeen {
  error: number;
  index: number;
  wrap: number;
  packed: boolean;
  position: number;
}

/** `settled`: position of a queue against what is in memory. */
export const settledStep = defineStep<{ queue?: number | string }, SettledSeen>({
  name: 'settled',
  summary:
    'Collect used buffers; then get_vq_state tells the position at which the driver expects the next used one.',
  example: '{settled: {}}',
  schema: obj({ queue: QUEUE_ARG }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    session.queues.collect(idx);
    const { ring, packed } = session.queues.must(idx);
    const state: VqState = initialVqState();
    const error = session.ops.getVqState(idx, state);
    needState(session, error);
    const index = packed ? state.packed.lastAvailIdx : state.split.availIndex;
    return { error, index, wrap: state.packed.lastAvailCounter, packed, position: ring.usedPosition };
  },
  judge(_, { error, index, wrap, packed, position }) {
    if (error < 0) return [{ expected: 'the queue state', actual: `error ${error}` }];
    const got = packed ? index | (wrap << 15) : index;
    const show = (at: number) => (packed ? `${at & 0x7fff} (wrap ${at >> 15})` : String(at));
    return got === position
      ? []
      : [{ expected: `position ${show(position)}, as used in memory`, actual: show(got) }];
  },
});

/** `stray-ops`: every queue op with an index that is of no use. */
export const strayOpsStep = defineStep<{ queue: number }, { ready: boolean; size?: number }>({
  name: 'stray-ops',
  summary:
    'Call every queue op with an index that does not exist or that the features leave unused. It must do no harm.',
  example: '{stray-ops: {queue: 40}}',
  schema: obj({ queue: INT }, ['queue']),
  run(session, { queue }) {
    const { ops } = session;
    ops.setVqCb(queue, { callback: null });
    ops.setVqNum(queue, 8);
    ops.setVqAddress(queue, 0x1000, 0x2000, 0x3000);
    ops.setVqState(queue, initialVqState());
    ops.kickVq(queue);
    if (queue < 0x1_0000) ops.kickVqWithData?.(queue);
    const ready = ops.getVqReady(queue);
    ops.getVqState(queue, initialVqState());
    ops.getVqGroup?.(queue);
    ops.getVendorVqStats?.(queue);
    ops.setVqReady(queue, false);
    return { ready, ...(ops.getVqSize ? { size: ops.getVqSize(queue) } : {}) };
  },
});

interface Calls {
  callback: number;
  trigger: number;
  stale: number;
}

interface VqCallbackArgs {
  queue?: number | string;
  trigger?: boolean;
  reuse?: boolean;
  expect?: { any?: Count; both?: boolean; stale?: Count };
}

const CALLS = 'vq-callback-calls';

/** `vq-callback`: the callback structure of a queue. */
export const vqCallbackStep = defineStep<VqCallbackArgs, Calls>({
  name: 'vq-callback',
  summary:
    'Register a callback, with a `trigger` beside it, or in a structure that the caller overwrites at once (`reuse`). ' +
    'Later `expect`: how many calls in all (`any`), `both: false` (not callback and trigger), calls of what the caller ' +
    'wrote over it (`stale`).',
  example: '{vq-callback: {trigger: true}}',
  schema: obj({
    queue: QUEUE_ARG,
    trigger: BOOL,
    reuse: BOOL,
    expect: obj({ any: COUNT, both: BOOL, stale: COUNT }),
  }),
  run(session, args) {
    if (args.expect !== undefined)
      return session.saved.get(CALLS) ?? session.stop('no such callback was registered');
    const calls: Calls = { callback: 0, trigger: 0, stale: 0 };
    session.saved.set(CALLS, calls);
    const idx = queueIndex(session, args.queue);
    const seen = session.queues.callback(idx);
    const count = (what: keyof Calls) => () => {
      calls[what]++;
      if (what !== 'stale') seen();
    };
    const given: VdpaCallback = { callback: count('callback') };
    if (args.trigger) given.trigger = count('trigger');
    session.ops.setVqCb(idx, given);
    if (args.reuse) given.callback = count('stale');
    return undefined;
  },
  judge(args, { callback, trigger, stale }) {
    const { expect = {} } = args;
    const problems = [
      ...judgeCount('calls', expect.any, callback + trigger),
      ...judgeCount('calls through the overwritten structure', expect.stale, stale),
    ];
    if (expect.both === false && callback > 0 && trigger > 0)
      problems.push({
        expected: 'callback or trigger',
        actual: `${callback} calls of one and ${trigger} of the other`,
      });
    return problems;
  },
});

/** `cut-mapping`: map only the beginning of a named stretch. */
export const cutMappingStep = defineStep<{ memory: string; size: number }, never>({
  name: 'cut-mapping',
  summary: 'Map only the first `size` bytes (whole pages) of memory that was allocated with `perm`.',
  example: '{cut-mapping: {memory: page, size: 4096}}',
  schema: obj({ memory: TEXT, size: INT }, ['memory', 'size']),
  run(session, args) {
    const { pa, iova, size } =
      session.memory.named(args.memory) ?? session.stop(`no memory is called ${args.memory}`);
    session.memory.unmap({ pa, iova, size: Math.ceil(size / 4096) * 4096 });
    session.memory.map({ pa, iova, size: args.size }, PERM.RW);
  },
});

/** `told-after-publication`: callbacks come after the used entries they announce. */
export const toldAfterPublicationStep = defineStep<
  { queue?: number | string },
  { stores: number[]; callbacks: number[]; eventIdx: boolean }
>({
  name: 'told-after-publication',
  summary:
    'Each callback of the queue since `activity: {begin: true}` had something to announce, and without EVENT_IDX the last ' +
    'publication of used entries is followed by one.',
  example: '{told-after-publication: {}}',
  schema: obj({ queue: QUEUE_ARG }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    const { areas, packed } = session.queues.must(idx);
    const { events } = session.recorder;
    const since = (session.saved.get('activity-mark') as number | undefined) ?? 0;
    const stores: number[] = [];
    const callbacks: number[] = [];
    for (let i = since; i < events.length; i++) {
      const event = events[i];
      if (event.k === 'irq' && event.q === idx && !event.old) callbacks.push(i - since);
      if (event.k !== 'store') continue;
      const { desc, device } = areas;
      const publishes = packed
        ? event.pa >= desc.pa && event.pa < desc.pa + desc.size
        : event.pa <= device.pa + 2 && event.pa + event.n > device.pa + 2;
      if (publishes) stores.push(i - since);
    }
    return { stores, callbacks, eventIdx: session.has('VIRTIO_F_EVENT_IDX') };
  },
  judge(_, { stores, callbacks, eventIdx }) {
    if (stores.length === 0) return [{ expected: 'used entries', actual: 'none', blocked: true }];
    if (callbacks.length === 0) return [{ expected: 'a used buffer notification', actual: 'none' }];
    const problems: Problem[] = [];
    if (callbacks[0] < stores[0])
      problems.push({
        expected: 'used entries in memory before the callback',
        actual: 'the callback came first',
      });
    if (!eventIdx && callbacks.at(-1)! < stores.at(-1)!)
      problems.push({
        expected: 'a callback after the last used entry',
        actual: 'the last callback came before it',
      });
    return problems;
  },
});
