import { PERM } from '../../../framework/device.ts';
import { DATA_QUEUE_ARG, queueIndex } from '../request/queue-arg.ts';
import { BOOL, defineStep, INT, obj, oneOf, TEXT } from '../step.ts';
import { ERROR, type ErrorArg, judgeError } from './op-error.ts';

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
  schema: obj({ group: INT, queue: DATA_QUEUE_ARG, asid: INT, error: ERROR }, ['asid']),
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
    'Map a page read-write at the first or the last IOVA that get_iova_range names (default: below 2^52; never above 2^52).',
  example: '{memory-edge: {as: page, edge: last}}',
  schema: obj({ as: TEXT, edge: oneOf('first', 'last') }, ['as', 'edge']),
  run(session, args) {
    const range = session.ops.getIovaRange?.() ?? { first: 0, last: 2 ** 52 - 1 };
    const { first } = range;
    const last = Math.min(range.last, 2 ** 52 - 1);
    const page = 4096;
    const iova =
      args.edge === 'first' ? Math.ceil(first / page) * page : Math.floor((last + 1) / page) * page - page;
    if (!session.memory.allocPageAt(args.as, iova))
      session.lacks(`the parent can map nothing at 0x${iova.toString(16)}`);
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
