import type { AccessSize } from '../../../framework/transport/access.ts';
import { member, STRUCTURES, type StructureName } from '../../transport/function-view.ts';
import { capsOf, pciOf } from '../../transport/reach.ts';
import { defineStep, INT, obj, oneOf } from '../step.ts';
import { capabilityPlace } from './config-access.ts';

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
