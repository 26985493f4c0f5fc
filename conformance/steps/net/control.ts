import { ACK_BYTES, type Acks, allowedAcks } from '../../../specs/model/net/control.ts';
import { configField } from '../../../specs/virtio-1.1/config-space.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { toHex } from '../../kits/hex.ts';
import { macsOf } from '../../kits/net-probes.ts';
import { netPairs } from '../../session/bring-up.ts';
import { BYTES, type BytesArg, bytesOf, concat } from '../buffer-steps.ts';
import { BOOL, defineStep, INT, list, obj, orExpression, type Problem, TEXT } from '../step.ts';
import { CLASSES, type ClassName } from './control-classes.ts';
import {
  LAYOUT,
  type Layout,
  type MacTables,
  postCommand,
  tableBytes,
  workUntil,
} from './control-command.ts';

interface ControlArgs {
  class: number | ClassName;
  command?: number;
  data?: BytesArg;
  'mac-table'?: MacTables;
  'mac-of'?: string;
  lay?: Layout;
  cut?: number | number[];
  ack?: number | number[] | 'any' | 'model';
  as?: string;
  wait?: boolean;
  breach?: string;
  'at-used'?: { field: string; mask?: number; equals?: number | string; 'same-mac'?: string };
}

interface ControlSeen {
  used: boolean;
  again: number;
  ack: number;
  len?: number;
  packed: boolean;
  /** The device says that it needs a reset. */
  gaveUp?: boolean;
  /** Acks that the model allows. */
  allowed?: Acks;
  /** Configuration field as it was when the command had just been used. */
  field?: string;
  want?: string;
}

/** `net-ctrl`: one command on the control virtqueue. */
export const netControlStep = defineStep<ControlArgs, ControlSeen>({
  name: 'net-ctrl',
  summary:
    'Send one control command and wait until it is used, and no longer. `class` is a number or rx, mac, vlan, announce, ' +
    'mq, offloads; `data` bytes, or `mac-table`, or `mac-of` an address by name. Layout C1: all that is readable in one ' +
    'descriptor; C2: class and command, data; C3: single bytes first; C4: C2 through an indirect table; or `cut` (sizes, or one size for all). `ack`: ' +
    'what the device answers (default 0; `any`: 0 or 1; `model`: what the reference model allows). `at-used`: a configuration field at the moment of use. ' +
    '`breach`: the driver breaks this rule with the command, so DEVICE_NEEDS_RESET will do instead of a completion.',
  example: '{net-ctrl: {class: rx, command: 0, data: "01", lay: C3}}',
  schema: obj(
    {
      class: { anyOf: [INT, { enum: Object.keys(CLASSES) }] },
      command: INT,
      data: BYTES,
      'mac-table': obj({ unicast: { anyOf: [TEXT, list(TEXT)] }, multicast: { anyOf: [TEXT, list(TEXT)] } }),
      'mac-of': TEXT,
      lay: LAYOUT,
      cut: orExpression({ anyOf: [{ type: 'integer' }, list(INT)] }),
      ack: { anyOf: [INT, list(INT), { enum: ['any', 'model'] }] },
      as: TEXT,
      wait: BOOL,
      breach: TEXT,
      'at-used': obj({ field: TEXT, mask: INT, equals: { anyOf: [INT, TEXT] }, 'same-mac': TEXT }, ['field']),
    },
    ['class'],
  ),
  run(session, args) {
    const data = args['mac-table']
      ? tableBytes(session, args['mac-table'])
      : args['mac-of'] === undefined
        ? bytesOf(args.data ?? '')
        : macsOf(session, args['mac-of'])[0];
    const number = typeof args.class === 'number' ? args.class : CLASSES[args.class];
    const bytes = concat([Uint8Array.of(number, args.command ?? 0), data]);
    if (args.breach !== undefined) session.breach(args.breach);
    const buffer = postCommand(session, bytes, args.lay ?? 'C2', args.as, args.cut);
    const queue = session.queues.must(buffer.q);
    const look = args['at-used'];
    let field: string | undefined;
    let count = 0;
    const collect = () => {
      count += session.queues.collect(buffer.q).filter((one) => one === buffer).length;
      if (look && field === undefined && buffer.used !== undefined) {
        const { offset, width } = configField('net', look.field);
        const value = new Uint8Array(width);
        session.ops.getConfig(offset, value);
        field = toHex(value);
      }
      return buffer.used !== undefined;
    };
    if (look) {
      queue.ring.armInterrupts();
      queue.onIrq = collect;
    }
    session.queues.kickIfNeeded(buffer.q);
    if (args.wait === false) return undefined;
    workUntil(session, collect);
    queue.onIrq = undefined;
    const seen: ControlSeen = {
      used: buffer.used !== undefined,
      again: count - 1,
      ack: session.buffers.written(buffer)[0],
      packed: queue.packed,
    };
    if (
      args.breach !== undefined &&
      !seen.used &&
      (session.ops.getStatus() & STATUS.DEVICE_NEEDS_RESET) !== 0
    )
      seen.gaveUp = true;
    if (args.ack === 'model') {
      const state = { features: session.features, maxPairs: netPairs(session) };
      seen.allowed = allowedAcks({ class: number, command: args.command ?? 0, data }, state);
    }
    if (buffer.used?.len !== undefined) seen.len = buffer.used.len;
    if (field !== undefined) seen.field = field;
    if (look?.['same-mac'] !== undefined) seen.want = toHex(macsOf(session, look['same-mac'])[0]);
    return seen;
  },
  judge(args, seen) {
    const what = `command ${args.class}/${args.command ?? 0}`;
    const requirement = 'P1.1-027';
    if (seen.gaveUp) return [];
    if (!seen.used) return [{ expected: `${what} is used`, actual: 'not used', requirement }];
    const problems: Problem[] = [];
    if (seen.again > 0)
      problems.push({ expected: `${what} is used once`, actual: `${seen.again + 1} times`, requirement });
    if (seen.ack > 1) {
      problems.push({
        expected: `an ack of 0 or 1 for ${what}`,
        actual: `0x${seen.ack.toString(16)}`,
        requirement,
      });
    } else if (seen.allowed !== undefined) problems.push(...judgeAck(what, seen.allowed, seen.ack));
    else if (args.ack !== 'any' && ![args.ack ?? 0].flat().includes(seen.ack)) {
      problems.push({
        expected: `ack ${[args.ack ?? 0].flat().join(' or ')} for ${what}`,
        actual: `ack ${seen.ack}`,
      });
    }
    if (seen.len !== undefined && seen.len > ACK_BYTES) {
      const cited = seen.packed ? 'P1.1-006' : 'V1.1-2.6.8.2-D2';
      problems.push({
        expected: `used length 0 or 1 for ${what}`,
        actual: String(seen.len),
        requirement: cited,
      });
    }
    const look = args['at-used'];
    if (look !== undefined && seen.field !== undefined) problems.push(...judgeField(look, seen));
    return problems;
  },
});

/** The ack against those that the model allows. */
function judgeAck(what: string, { acks, requirement }: Acks, ack: number): Problem[] {
  if (acks.some((one) => one === ack)) return [];
  return [{ expected: `ack ${acks.join(' or ')} for ${what}`, actual: `ack ${ack}`, requirement }];
}

function judgeField(look: NonNullable<ControlArgs['at-used']>, seen: ControlSeen): Problem[] {
  const hex = seen.field!;
  const number = Number.parseInt(hex.match(/../g)!.reverse().join(''), 16);
  const value = look.mask === undefined ? number : number & look.mask;
  const at = `${look.field} when the command is used`;
  const problems: Problem[] = [];
  if (typeof look.equals === 'number' && value !== look.equals)
    problems.push({ expected: `${at}: ${look.equals}`, actual: `${value} (bytes ${hex})` });
  const bytes = typeof look.equals === 'string' ? toHex(bytesOf(look.equals)) : seen.want;
  if (bytes !== undefined && bytes !== hex) problems.push({ expected: `${at}: ${bytes}`, actual: hex });
  return problems;
}
