import { PERM, type Perm } from '../../framework/device.ts';
import type { Session } from '../session/session.ts';
import { BYTES, type BytesArg, bytesOf } from './buffer-steps.ts';
import { defineStep, INT, obj, oneOf, TEXT } from './step.ts';

const PERMISSION = oneOf('ro', 'wo', 'rw', 'none');
type Permission = 'ro' | 'wo' | 'rw' | 'none';
const permOf = (name: Permission): Perm | 0 =>
  name === 'none' ? 0 : PERM[name.toUpperCase() as 'RO' | 'WO' | 'RW'];

/** Where nothing enforces mappings, memory stays as it is for the device whatever it was mapped as. */
function enforced(session: Session): void {
  if (!session.instance.abilities.includes('perm-map'))
    session.lacks('mapping permissions are not enforced (perm-map)');
}

/** `memory`: a named stretch of memory, on pages of its own when a permission is asked for. */
export const memoryStep = defineStep<
  { as: string; size: number; perm?: Permission; align?: number; bytes?: BytesArg },
  never
>({
  name: 'memory',
  summary:
    'Allocate `size` bytes under a name, for `submit … in:`, `desc` and `poke`. With `perm` they lie on pages of their ' +
    'own, mapped that way for the device (ro: it may only read, wo: only write, none: not mapped).',
  example: '{memory: {as: page, size: 4096, perm: ro}}',
  schema: obj({ as: TEXT, size: INT, perm: PERMISSION, align: INT, bytes: BYTES }, ['as', 'size']),
  run(session, args) {
    if (args.perm !== undefined && args.perm !== 'rw') enforced(session);
    const region =
      args.perm === undefined
        ? session.memory.alloc(args.as, args.size, args.align ?? 16)
        : session.memory.allocPages(args.as, args.size, permOf(args.perm));
    session.memory.bytes(region).fill(session.poison);
    if (args.bytes !== undefined) session.memory.bytes(region).set(bytesOf(args.bytes));
  },
});

const wholePages = (size: number) => Math.ceil(size / 4096) * 4096;

/** `map`: change the permission of a named stretch that lies on pages of its own. */
export const mapStep = defineStep<{ memory: string; perm: Permission }, never>({
  name: 'map',
  summary: 'Map memory that was allocated with `perm` anew (none: unmap it).',
  example: '{map: {memory: page, perm: none}}',
  schema: obj({ memory: TEXT, perm: PERMISSION }, ['memory', 'perm']),
  run(session, args) {
    enforced(session);
    const region = session.memory.named(args.memory) ?? session.stop(`no memory is called ${args.memory}`);
    const pages = { pa: region.pa, iova: region.iova, size: wholePages(region.size) };
    session.memory.unmap(pages);
    const perm = permOf(args.perm);
    if (perm !== 0) session.memory.map(pages, perm);
  },
});
