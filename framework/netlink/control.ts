import { ERRNO } from '../device.ts';
import { AttributeWriter, fromLittleEndian, textOf } from './attribute.ts';
import type { GenlFamily, GenlOp } from './family.ts';
import { NetlinkError } from './netlink-error.ts';

/** The family that tells about families, `nlctrl` (`linux/genetlink.h`). */
export const NLCTRL = { id: 0x10, name: 'nlctrl', version: 2 } as const;
export const CTRL_CMD = { NEWFAMILY: 1, GETFAMILY: 3 } as const;
export const CTRL_ATTR = {
  FAMILY_ID: 1,
  FAMILY_NAME: 2,
  VERSION: 3,
  HDRSIZE: 4,
  MAXATTR: 5,
  OPS: 6,
  OP_ID: 1,
  OP_FLAGS: 2,
} as const;

/** What an op can do, as the family is reported (`GENL_CMD_CAP_*`). */
const CAP = { ADMIN: 1, DO: 2, DUMP: 4, HASPOL: 8 } as const;

/** `nlctrl` over `families`; of its commands GETFAMILY is there. */
export function controlFamily(families: () => Iterable<GenlFamily>): GenlFamily {
  const describe = (family: GenlFamily) => ({
    command: CTRL_CMD.NEWFAMILY,
    attributes: describeFamily(family),
  });
  return {
    ...NLCTRL,
    maxattr: CTRL_ATTR.FAMILY_NAME,
    policy: new Map(),
    reservedFrom: 11,
    liberal: true,
    ops: [
      {
        command: CTRL_CMD.GETFAMILY,
        do({ attributes }) {
          const id = attributes.get(CTRL_ATTR.FAMILY_ID);
          const name = attributes.get(CTRL_ATTR.FAMILY_NAME);
          if (id === undefined && name === undefined) throw new NetlinkError(ERRNO.EINVAL);
          const family = [...families()].find((one) =>
            name === undefined ? BigInt(one.id) === fromLittleEndian(id!) : one.name === textOf(name),
          );
          if (family === undefined) throw new NetlinkError(ERRNO.ENOENT);
          return describe(family);
        },
        dump(index) {
          const family = [...families()][index];
          return family === undefined ? null : describe(family);
        },
      },
    ],
  };
}

function describeFamily(family: GenlFamily): AttributeWriter {
  const writer = new AttributeWriter()
    .string(CTRL_ATTR.FAMILY_NAME, family.name)
    .u16(CTRL_ATTR.FAMILY_ID, family.id)
    .u32(CTRL_ATTR.VERSION, family.version)
    .u32(CTRL_ATTR.HDRSIZE, 0)
    .u32(CTRL_ATTR.MAXATTR, family.maxattr);
  return writer.nest(CTRL_ATTR.OPS, (ops) => {
    family.ops.forEach((op, i) => {
      ops.nest(i + 1, (one) => one.u32(CTRL_ATTR.OP_ID, op.command).u32(CTRL_ATTR.OP_FLAGS, flagsOf(op)));
    });
  });
}

function flagsOf(op: GenlOp): number {
  return (op.admin ? CAP.ADMIN : 0) | (op.do ? CAP.DO : 0) | (op.dump ? CAP.DUMP : 0) | CAP.HASPOL;
}
