import { BOOL, INT, list, obj, orExpression, TEXT } from '../step.ts';

/** Framing arguments that `request` and `exchange` share. */
export const FRAMING = {
  cut: {
    ...orExpression(obj({ r: orExpression(list(INT)), w: orExpression(list(INT)) })),
    description: 'Sizes of the device-readable and device-writable parts; what is left is one more part.',
  },
  list: { ...INT, description: 'Cut into exactly this many descriptors (header, data, status …).' },
  indirect: {
    anyOf: [BOOL, obj({ direct: INT, in: TEXT })],
    description:
      'Through a table, after `direct` descriptors in the ring (split); `in`: named memory for the table.',
  },
  slots: { ...orExpression(list(INT)), description: 'Split: descriptor table slots in chain order.' },
  id: { ...INT, description: 'Packed: Buffer ID.' },
  'other-ids': { ...INT, description: 'Packed: id in the descriptors of a list that are not the last.' },
  'table-write-flag': BOOL,
  breach: {
    ...BOOL,
    description: 'Break a framing rule on purpose; the device may do what resilience permits.',
  },
};

export interface FramingArgs {
  cut?: { r?: number[]; w?: number[] };
  list?: number;
  indirect?: boolean | { direct?: number; in?: string };
  slots?: number[];
  id?: number;
  'other-ids'?: number;
  'table-write-flag'?: boolean;
  breach?: boolean;
}

export const framingOf = (args: FramingArgs) => ({
  cut: args.cut,
  list: args.list,
  indirect: args.indirect,
  slots: args.slots,
  id: args.id,
  otherIds: args['other-ids'],
  tableWriteFlag: args['table-write-flag'],
  breach: args.breach,
});
