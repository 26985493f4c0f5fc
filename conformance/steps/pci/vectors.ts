import { NO_VECTOR } from '../../../framework/transport/transport.ts';
import { functionOf, pciOf } from '../../transport/reach.ts';
import { BOOL, defineStep, EXPRESSION, INT, list, obj, oneOf, orExpression } from '../step.ts';

const VECTOR = { anyOf: [INT, { enum: ['none'] }, EXPRESSION] };

type Vector = number | 'none';

/** `vectors`: how the next bring-up uses interrupts. */
export const vectorsStep = defineStep<
  { mode?: 'msix' | 'intx' | 'manual'; config?: Vector; queue?: Vector; queues?: Vector[]; listen?: boolean },
  never
>({
  name: 'vectors',
  summary:
    'From the next reset on: MSI-X with events mapped to these vectors (`config`, `queue` for all queues, `queues` by ' +
    'index; none unmaps), or INTx, or INTx that nobody answers (`manual`), so that steps can look at pin and ISR status.',
  example: '{vectors: {mode: msix, config: 0, queue: 1}}',
  schema: obj({
    mode: oneOf('msix', 'intx', 'manual'),
    config: VECTOR,
    queue: VECTOR,
    queues: orExpression(list(VECTOR)),
    listen: { ...BOOL, description: 'Register callbacks (default); with false messages are left to steps.' },
  }),
  run(session, args) {
    const { transport } = pciOf(session);
    const { plan } = transport;
    const number = (vector: Vector) => (vector === 'none' ? NO_VECTOR : vector);
    plan.mode = args.mode ?? 'msix';
    if (plan.mode === 'msix' && functionOf(session).msix === null) session.lacks('the function has no MSI-X');
    if (plan.mode !== 'msix' && !transport.access.facts.intx)
      session.lacks('the INTx pin of the function cannot be observed');
    plan.config = args.config === undefined ? undefined : number(args.config);
    plan.queues.clear();
    const byHand = plan.mode === 'manual' || args.listen === false;
    session.deaf = { queues: byHand || args.queue === 'none', config: byHand || args.config === 'none' };
    const { nvqs } = session.instance.device;
    if (args.queue !== undefined) for (let q = 0; q < nvqs; q++) plan.queues.set(q, number(args.queue));
    for (const [q, vector] of (args.queues ?? []).entries()) plan.queues.set(q, number(vector));
  },
});
