import { kitOf } from '../../kits/index.ts';
import { exchange, type RequestOutcome } from '../../session/requests.ts';
import { defineStep, INT, obj } from '../step.ts';
import { FRAMING, type FramingArgs, framingOf } from './framing.ts';
import { judgeOutcome } from './judge-outcome.ts';

interface ExchangeArgs extends FramingArgs {
  rounds?: number;
}

/** `exchange`: the standard control of the device type. */
export const exchangeStep = defineStep<ExchangeArgs, RequestOutcome[]>({
  name: 'exchange',
  summary:
    'The standard exchange: one request in each direction the device can do, waited for and checked. The usual ' +
    'control before a stimulus and the proof of recovery after it.',
  example: '{exchange: {rounds: 2}}',
  schema: obj({ rounds: INT, ...FRAMING }),
  run(session, args) {
    const outcomes = exchange(session, args.rounds ?? 1, framingOf(args));
    if (outcomes.length > 0) return outcomes;
    const reasons = (['out', 'in'] as const).map((dir) => kitOf(session).lacks(session, dir));
    return reasons.every((reason) => reason !== null) ? session.lacks(reasons.join(', ')) : outcomes;
  },
  judge: (_, outcomes) =>
    outcomes.length === 0
      ? [
          {
            expected: 'an exchange',
            actual: 'the session can exchange nothing (no peer, read-only …)',
            blocked: true,
          },
        ]
      : outcomes.flatMap((outcome) => judgeOutcome(outcome)),
});
