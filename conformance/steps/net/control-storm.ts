import { type Count, defineStep, INT, judgeCount, obj } from '../step.ts';
import { CLASSES, type ClassName } from './control-classes.ts';
import { postCommand, workUntil } from './control-command.ts';

/** `net-ctrl-storm`: a run of commands, alternating, none of which may fail. */
export const netControlStormStep = defineStep<
  { class: ClassName; command?: number; times: number },
  { acks: Record<string, number>; used: number }
>({
  name: 'net-ctrl-storm',
  summary:
    'Send a command with one data byte that alternates 01 and 00, `times` over; all must be used and acked 0.',
  example: '{net-ctrl-storm: {class: rx, command: 0, times: 256}}',
  schema: obj({ class: { enum: Object.keys(CLASSES) }, command: INT, times: INT }, ['class', 'times']),
  run(session, args) {
    const acks: Record<string, number> = {};
    let used = 0;
    for (let i = 0; i < args.times; i++) {
      const bytes = Uint8Array.of(CLASSES[args.class], args.command ?? 0, 1 - (i & 1));
      const buffer = postCommand(session, bytes, (['C1', 'C2', 'C3'] as const)[i % 3]);
      session.queues.kickIfNeeded(buffer.q);
      workUntil(session, () => session.queues.collect(buffer.q).length > 0 || buffer.used !== undefined);
      if (buffer.used === undefined) break;
      used++;
      const ack = session.buffers.written(buffer)[0];
      acks[ack] = (acks[ack] ?? 0) + 1;
    }
    return { acks, used };
  },
  judge: (args, { acks, used }) => [
    ...judgeCount('commands used', args.times satisfies Count, used),
    ...Object.keys(acks)
      .filter((ack) => ack !== '0')
      .map((ack) => ({ expected: 'ack 0 for every command', actual: `${acks[ack]} times ack ${ack}` })),
  ],
});
