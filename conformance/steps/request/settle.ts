import { bringUp } from '../../session/bring-up.ts';
import { exchange, outcomeOf, planOf, type RequestOutcome } from '../../session/requests.ts';
import { defineStep, obj } from '../step.ts';
import { judgeOutcome } from './judge-outcome.ts';

/** `recover`: a whole session after whatever happened. */
export const recoverStep = defineStep<
  Record<string, never>,
  { featuresOk: boolean; outcomes: RequestOutcome[] }
>({
  name: 'recover',
  summary:
    'Reset the device, initialise it with the baseline features and do the standard exchange: proves that it comes back, ' +
    'whatever the driver did before.',
  example: '{recover: {}}',
  schema: obj({}),
  run(session) {
    const { featuresOk } = bringUp(session, { only: [] });
    return { featuresOk, outcomes: featuresOk ? exchange(session) : [] };
  },
  judge(_, { featuresOk, outcomes }) {
    const problems = featuresOk
      ? outcomes.flatMap((outcome) => judgeOutcome(outcome))
      : [{ expected: 'the device initialises again', actual: 'FEATURES_OK was refused' }];
    return problems.map((problem) => ({ ...problem, requirement: 'INV-ALIVE' }));
  },
});

/** `settle`: let the device finish, and check whatever came back. */
export const settleStep = defineStep<Record<string, never>, RequestOutcome[]>({
  name: 'settle',
  summary:
    'Let the device work until it is idle, consume used buffers, and check status and data of the requests among them. ' +
    'What did not come back is left to the model. After a breach nothing is checked until the next reset.',
  example: '{settle: {}}',
  schema: obj({}),
  run(session) {
    session.quiet();
    const back = session.queues.all.flatMap((queue) => session.queues.collect(queue.idx));
    if (session.breached) return undefined;
    return back.filter((buffer) => planOf(session, buffer)).map((buffer) => outcomeOf(session, buffer));
  },
  judge: (_, outcomes) =>
    outcomes.flatMap((outcome) =>
      judgeOutcome(outcome).map((problem) => ({ requirement: outcome.about, ...problem })),
    ),
});
