import type { AccessSize } from '../../../framework/transport/access.ts';
import type { Session } from '../../session/session.ts';
import { STRUCTURES, type StructureName } from '../../transport/function-view.ts';
import { functionOf, pciOf } from '../../transport/reach.ts';
import { judgeValue, seen, VALUE, type ValueArgs, type ValueSeen } from '../../transport/value.ts';
import { defineStep, INT, obj, oneOf } from '../step.ts';

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

export function capabilityPlace(session: Session, name: PciConfigArgs['capability']): number {
  if (name === undefined) return 0;
  if (name === 'msix') return (functionOf(session).msix ?? session.lacks('the function has no MSI-X')).at;
  const cap = functionOf(session).caps.find(({ type }) => type === STRUCTURES[name]);
  return (cap ?? session.stop(`no ${name} capability`)).at;
}
