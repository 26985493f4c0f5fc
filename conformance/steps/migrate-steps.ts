import type { MigrationErrorCode } from '../../framework/migration/state.ts';
import { type Migrated, migrate } from '../session/migrate.ts';
import { type PreCopied, preCopyRound, startPreCopy } from '../session/pre-copy.ts';
import type { Session } from '../session/session.ts';
import { BOOL, defineStep, INT, obj, type Problem, TEXT } from './step.ts';

interface MigrateArgs {
  to?: string;
  shift?: number;
}

const TURN = 'migrate-turn';

/** The destination that `to` names, or the next one in turn. */
function destinationOf(session: Session, to: string | undefined) {
  const { destinations } = session;
  if (destinations === null) session.lacks('this run knows no target to migrate to');
  if (to !== undefined && to !== 'next')
    return destinations.find(to) ?? session.lacks(`there is no target ${to} in process to migrate to`);
  const turn = (session.saved.get(TURN) as number | undefined) ?? 0;
  session.saved.set(TURN, turn + 1);
  return destinations.inTurn[turn % destinations.inTurn.length];
}

/** What a parent owes that ends a migration, by what was refused. */
const OWED: Record<MigrationErrorCode, string | undefined> = {
  'no-stop': 'VDPA-025',
  'no-position': 'VDPA-033',
  unsteady: 'VDPA-033',
  incompatible: undefined,
  'features-refused': 'VDPA-048',
  'position-refused': 'VDPA-027',
  'queue-refused': 'VDPA-024',
  'start-refused': 'VDPA-017',
  'command-refused': 'P1.1-027',
};

/** The carrier of a network device, and the request to announce itself, are no state of the guest's. */
const STATUS_FIELD = [6, 7];

/** `migrate`: another device takes the place of this one. */
export const migrateStep = defineStep<MigrateArgs, Migrated>({
  name: 'migrate',
  summary:
    'Live migration: stop the device, save status, features, configuration, positions of the queues and what the control ' +
    'queue has set up, and let a fresh device go on there, under the traffic that there is. `to` names its target; ' +
    'otherwise, or as `next`, those of `--migrate-to` come in turn, and without that option it is of the same target. A step after it ' +
    'meets a driver that knows of nothing; a parent that takes no positions works behind shadow virtqueues;  buffers that were under way complete on the other side, once.',
  example: '{migrate: {to: ifcvf-blk}}',
  schema: obj({
    to: { ...TEXT, description: 'Target of the same device type, in process.' },
    shift: {
      ...INT,
      description: 'Behind shadow virtqueues, with guest memory at addresses that differ by so many bytes.',
    },
  }),
  run(session, { to, shift }) {
    if (session.breached) session.stop('a driver that broke a rule is not migrated');
    const seen = migrate(session, destinationOf(session, to), shift);
    if (seen.error === undefined) return seen;
    session.observe(seen);
    session.stop(seen.error.text);
  },
  judge(_, { to, error, copied, differs = [] }): Problem[] {
    if (error !== undefined) {
      const requirement = OWED[error.code];
      return [
        {
          expected: `the migration to ${to} succeeds`,
          actual: `${error.code}: ${error.text}`,
          ...(requirement ? { requirement } : { blocked: true }),
        },
      ];
    }
    const problems = copied === undefined ? [] : judgeCopied(copied);
    const lost = differs.filter(({ offset }) => !STATUS_FIELD.includes(offset));
    if (lost.length === 0) return problems;
    const text = lost.map(({ offset, was, is }) => `byte ${offset} is ${is}, was ${was}`).join(', ');
    return [...problems, { expected: `the configuration is the same on ${to}`, actual: text }];
  },
  figures({ error, copied }): Record<string, number> {
    if (error !== undefined) return {};
    if (copied === undefined) return { migrations: 1 };
    return { migrations: 1, 'pages-copied': copied.sent, 'pages-copied-again': copied.resent };
  },
});

/** Pages that are not the same on the other side, because nobody marked them. */
function judgeCopied({ missedBuffers, missedRings }: PreCopied): Problem[] {
  const missed = (pages: number[], what: string, requirement: string): Problem[] =>
    pages.length === 0
      ? []
      : [
          {
            expected: `each page of ${what} that the device wrote is marked, and copied again`,
            actual: `old contents on the other side in ${pages.map((page) => `0x${page.toString(16)}`).join(', ')}`,
            requirement,
          },
        ];
  return [...missed(missedBuffers, 'data buffers', 'VDPA-101'), ...missed(missedRings, 'rings', 'VDPA-102')];
}

/** `pre-copy`: memory goes to the destination while the device runs. */
export const preCopyStep = defineStep<{ start?: boolean; round?: boolean }, { error: number }>({
  name: 'pre-copy',
  summary:
    'Copy all mapped memory for a migration while the device runs (`start`), then what became dirty since (`round`): the ' +
    'pages that the device marked, and those that the driver wrote. The next `migrate` does the last round, once the ' +
    'device has stopped, and goes on in the memory that was copied.',
  example: '{pre-copy: {start: true}}',
  schema: obj({ start: BOOL, round: BOOL }),
  run(session, args) {
    const error = args.start ? startPreCopy(session) : 0;
    if (args.round) preCopyRound(session);
    return { error };
  },
  judge: (_, { error }) =>
    error < 0 ? [{ expected: 'dirty tracking starts', actual: `error ${error}` }] : [],
});
