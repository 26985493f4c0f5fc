import { defineStep, obj, TEXT } from '../step.ts';

/** `unplug`: the device goes while it is in use. */
export const unplugStep = defineStep<Record<string, never>, never>({
  name: 'unplug',
  summary: 'Take the device off the bus and delete it. Only `activity` and `pump` make sense afterwards.',
  example: '{unplug: {}}',
  schema: obj({}),
  run: (session) => session.unplug(),
});

/** `serves-as-status-says`: no half-stopped device. */
export const servesAsStatusSaysStep = defineStep<{ as: string }, { running: boolean; used: boolean }>({
  name: 'serves-as-status-says',
  summary:
    'A buffer that was made available and kicked came back if the status shows DRIVER_OK (and no need of a reset), and did ' +
    'not if it does not.',
  example: '{serves-as-status-says: {as: a}}',
  schema: obj({ as: TEXT }, ['as']),
  run(session, { as }) {
    const buffer = session.buffers.named(as) ?? session.stop(`no buffer is called ${as}`);
    session.queues.collect(buffer.q);
    const status = session.ops.getStatus();
    return { running: (status & 0x44) === 0x04, used: buffer.used !== undefined };
  },
  judge: (_, { running, used }) =>
    running === used
      ? []
      : [
          {
            expected: running
              ? 'the buffer is served, as DRIVER_OK says'
              : 'the buffer is left alone without DRIVER_OK',
            actual: used ? 'served' : 'not served',
          },
        ],
});

/** `start-failed-or-not`: DRIVER_OK and failure exclude each other. */
export const startStep = defineStep<Record<string, never>, { before: number; after: number }>({
  name: 'start',
  summary:
    'Set DRIVER_OK: the status shows it, or it shows FAILED or DEVICE_NEEDS_RESET or stays as it was; never both.',
  example: '{start: {}}',
  schema: obj({}),
  run(session) {
    const before = session.ops.getStatus();
    session.virtio.addStatus(0x04);
    return { before, after: session.ops.getStatus() };
  },
  judge(_, { before, after }) {
    const failed = (after & ~before & 0xc0) !== 0;
    return failed && (after & 0x04) !== 0
      ? [{ expected: 'no DRIVER_OK after a start that failed', actual: `status 0x${after.toString(16)}` }]
      : [];
  },
});

/** `interrupts`: numbers of the queues' interrupts. */
export const interruptsStep = defineStep<{ save?: boolean }, { irqs: number[]; before: number[] }>({
  name: 'interrupt-numbers',
  summary: 'get_vq_irq of every queue, twice: the same, and as at the last `save`.',
  example: '{interrupt-numbers: {save: true}}',
  schema: obj({ save: { type: 'boolean' } }),
  run(session, { save }) {
    const ask = () =>
      Array.from(
        { length: session.instance.device.nvqs },
        (_, idx) => session.ops.getVqIrq?.(idx) ?? session.lacks('the parent has no getVqIrq'),
      );
    const known = session.saved.get('irqs') as number[] | undefined;
    const before = save || known === undefined ? ask() : known;
    const irqs = ask();
    if (save) session.saved.set('irqs', irqs);
    return { irqs, before };
  },
  judge: (_, { irqs, before }) =>
    irqs.every((irq, i) => irq === before[i] || (irq < 0 && before[i] < 0))
      ? []
      : [{ expected: `interrupts ${before.join(', ')} as before`, actual: irqs.join(', ') }],
});
