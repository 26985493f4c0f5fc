import { functionOf, pciOf, until } from '../../transport/reach.ts';
import { barSpace } from '../../transport/recorded-access.ts';
import { BOOL, defineStep, INT, obj, type Problem } from '../step.ts';

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
