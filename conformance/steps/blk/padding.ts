import { defineStep, obj, oneOf } from '../step.ts';

/** `blk-padding`: the padding of the configuration space. */
export const blkPaddingStep = defineStep<{ field: 'unused0' | 'unused1' }, { bytes: number[]; at: number[] }>(
  {
    name: 'blk-padding',
    summary:
      'Bytes unused0 (33 to 35) or unused1 (57 to 59) of the configuration space read 0. Bytes 34 and 35 are left out ' +
      'when bit 12 is offered: later versions keep num_queues there.',
    example: '{blk-padding: {field: unused0}}',
    schema: obj({ field: oneOf('unused0', 'unused1') }, ['field']),
    run(session, { field }) {
      const multiQueue = (session.ops.getDeviceFeatures() & (1n << 12n)) !== 0n;
      const at = field === 'unused1' ? [57, 58, 59] : multiQueue ? [33] : [33, 34, 35];
      const present = at.filter((offset) => offset < session.ops.getConfigSize());
      return { at: present, bytes: present.map((offset) => session.virtio.readConfig(offset, 1)[0]) };
    },
    judge: ({ field }, { bytes, at }) =>
      bytes.flatMap((byte, i) =>
        byte === 0 ? [] : [{ expected: `${field}, configuration byte ${at[i]}: 0`, actual: String(byte) }],
      ),
  },
);
