import { functionOf, pciOf, until } from '../../transport/reach.ts';
import { COUNT, type Count, defineStep, INT, judgeCount, obj, oneOf } from '../step.ts';

interface MessagesSeen {
  vector: number;
  others: number;
}

/** `messages`: MSI-X messages that arrived. */
export const messagesStep = defineStep<{ vector?: number; count?: Count; others?: Count }, MessagesSeen>({
  name: 'messages',
  summary:
    'Count MSI-X messages since the last look: `count` of `vector`, and `others` of all other vectors. Where a minimum is ' +
    'wanted it is waited for. Messages may stand for several events of one vector.',
  example: '{messages: {vector: 1, count: {min: 1}, others: 0}}',
  schema: obj({ vector: INT, count: COUNT, others: COUNT }),
  run(session, args) {
    const { access } = pciOf(session);
    const count = functionOf(session).msix?.count ?? 0;
    const result: MessagesSeen = { vector: 0, others: 0 };
    const least = typeof args.count === 'number' ? args.count : (args.count?.min ?? 0);
    until(session, () => {
      for (let vector = 0; vector < count; vector++) {
        const came = access.interrupts.takeMessages(vector);
        if (vector === args.vector) result.vector += came;
        else result.others += came;
      }
      return result.vector >= least;
    });
    return result;
  },
  judge: (args, { vector, others }) => [
    ...judgeCount(`messages of vector ${args.vector}`, args.count, vector),
    ...judgeCount('messages of other vectors', args.others, others),
  ],
});

/** `intx`: the interrupt pin. */
export const intxStep = defineStep<{ level: 'high' | 'low' }, { level: 'high' | 'low' }>({
  name: 'intx',
  summary: 'The INTx pin is asserted (high) or not (low). High is waited for.',
  example: '{intx: {level: high}}',
  schema: obj({ level: oneOf('high', 'low') }, ['level']),
  run(session, args) {
    const { access } = pciOf(session);
    if (!access.facts.intx) session.lacks('the INTx pin of the function cannot be observed');
    const level = () => (access.interrupts.intx() ? 'high' : 'low');
    until(session, () => level() === 'high' || args.level === 'low');
    return { level: level() };
  },
  judge: (args, { level }) =>
    level === args.level ? [] : [{ expected: `INTx ${args.level}`, actual: level }],
});
