import type { AccessSize } from '../../framework/transport/access.ts';
import type { Session } from '../session/session.ts';
import type { StructureName } from '../transport/function-view.ts';
import {
  mmioOf,
  type RegisterPlace,
  registerPlace,
  selectQueue,
  structure,
  until,
  type Via,
} from '../transport/reach.ts';
import { judgeValue, seen, VALUE, type ValueArgs, type ValueSeen } from '../transport/value.ts';
import { QUEUE_ARG, queueIndex } from './request/queue-arg.ts';
import { BOOL, defineStep, EXPRESSION, INT, obj, oneOf, TEXT } from './step.ts';

interface RegisterArgs extends ValueArgs {
  name?: string;
  part?: 'low' | 'high';
  structure?: StructureName;
  at?: number;
  size?: AccessSize;
  queue?: number | string;
  write?: number;
  via?: Via;
  wait?: boolean;
}

/** `register`: a register of the device as its transport has it. */
export const registerStep = defineStep<RegisterArgs, ValueSeen>({
  name: 'register',
  summary:
    'Read a register by its name in the specification (on PCI of the common configuration, 4.1.4.3; on MMIO of 4.2.2), ' +
    'or `size` bytes at `at` of a `structure` (on MMIO: device), and hold the value against `equals`, `one-of`, `min`, ' +
    '`max` (after `mask`), `same` or `differs` from an earlier `save`. `queue` selects one first, `part` names a half of ' +
    'a 64-bit register, `write` writes instead of reading first, `wait` looks again until the value fits.',
  example: '{register: {name: queue_size, queue: 0, min: 1}}',
  schema: obj({
    name: TEXT,
    part: oneOf('low', 'high'),
    structure: oneOf('common', 'notify', 'isr', 'device'),
    at: INT,
    size: oneOf(1, 2, 4),
    queue: QUEUE_ARG,
    write: INT,
    via: { anyOf: [{ enum: ['bar', 'window'] }, INT, EXPRESSION] },
    wait: { ...BOOL, description: 'Let time pass until the value is as expected.' },
    ...VALUE,
  }),
  run(session, args) {
    if (args.queue !== undefined) selectQueue(session, queueIndex(session, args.queue), args.via);
    const { space, at, size } = placeOf(session, args);
    if (args.write !== undefined) {
      if (args.name === 'device_status' || args.name === 'Status') session.recorder.push({ k: 'by-hand' });
      space.write(at, size, args.write >>> 0);
    }
    if (!Object.keys(args).some((key) => key in VALUE && key !== 'mask')) return undefined;
    let value = space.read(at, size);
    if (args.wait)
      until(session, () => {
        const fits = judgeValue('', args, seen(session, { ...args, save: undefined }, value)).length === 0;
        if (!fits) value = space.read(at, size);
        return fits;
      });
    return seen(session, args, value);
  },
  judge: (args, value) =>
    judgeValue(args.name ?? `${args.structure ?? 'device'} +${args.at ?? 0}`, args, value),
});

function placeOf(session: Session, args: RegisterArgs): RegisterPlace {
  if (args.name !== undefined) return registerPlace(session, args.name, args.part, args.via);
  const at = args.at ?? 0;
  const size = args.size ?? 1;
  if (session.instance.transport?.kind !== 'mmio')
    return { space: structure(session, args.structure ?? 'device', args.via), at, size };
  const { page } = mmioOf(session);
  return { space: page, at: 0x100 + at, size };
}

/** `line`: the interrupt line of a virtio-mmio device. */
export const lineStep = defineStep<{ level: 'high' | 'low' }, { level: 'high' | 'low' }>({
  name: 'line',
  summary: 'The interrupt line of a virtio-mmio device is asserted (high) or not (low). High is waited for.',
  example: '{line: {level: high}}',
  schema: obj({ level: oneOf('high', 'low') }, ['level']),
  run(session, args) {
    const { access } = mmioOf(session);
    const level = () => (access.line() ? 'high' : 'low');
    until(session, () => level() === 'high' || args.level === 'low');
    return { level: level() };
  },
  judge: (args, { level }) =>
    level === args.level ? [] : [{ expected: `interrupt line ${args.level}`, actual: level }],
});

/** `line-by-hand`: nobody answers interrupts of a virtio-mmio device. */
export const byHandStep = defineStep<{ on?: boolean }, never>({
  name: 'line-by-hand',
  summary:
    'From the next reset on nobody acknowledges the interrupts of a virtio-mmio device: that is left to steps.',
  example: '{line-by-hand: {}}',
  schema: obj({ on: BOOL }),
  run(session, args) {
    const byHand = args.on ?? true;
    mmioOf(session).transport.plan.mode = byHand ? 'manual' : 'line';
    session.deaf = { queues: byHand, config: byHand };
  },
});
