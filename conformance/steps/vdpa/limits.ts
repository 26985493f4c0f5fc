import { BOOL, defineStep, INT, obj, type Problem, TEXT } from '../step.ts';

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
