import type { ManagementSeen } from './management-steps.ts';
import { sameValue, type WrittenValue } from './management-values.ts';
import type { Problem } from './step.ts';

/** What a request is expected to lead to. */
export interface ManagementExpectation {
  dump?: boolean;
  error?: string | string[];
  /** Text of the acknowledgement; null: none. */
  text?: string | null;
  answer?: { attributes?: Record<string, WrittenValue>; absent?: string[]; order?: string[] };
  listed?: string[];
  unlisted?: string[];
}

type Answer = ManagementSeen['answers'][number];

/** Compare what came with what was wanted, framing included. */
export function judgeManagement(args: ManagementExpectation, seen: ManagementSeen): Problem[] {
  const problems = [...judgeEnd(args, seen), ...judgeFraming(args, seen)];
  if (problems.length > 0) return problems;
  if (args.answer !== undefined) problems.push(...judgeAnswer(args.answer, seen.answers));
  if (args.listed !== undefined || args.unlisted !== undefined)
    problems.push(...judgeList(args, seen.answers));
  return problems;
}

const told = (error: string, text: string | null | undefined) =>
  text === undefined ? error : `${error}, ${text === null ? 'no text' : JSON.stringify(text)}`;

function judgeEnd({ error = 'ok', text }: ManagementExpectation, seen: ManagementSeen): Problem[] {
  const wanted = [error].flat();
  const right = wanted.includes(seen.error) && (text === undefined || (seen.text ?? null) === text);
  if (right) return [];
  return [
    {
      expected: wanted.map((one) => told(one, text)).join(' or '),
      actual: told(seen.error, seen.text ?? null),
    },
  ];
}

/** Rules of every exchange: one end, nothing beside it, MULTI on the parts of a dump and on nothing else. */
function judgeFraming({ dump = false }: ManagementExpectation, seen: ManagementSeen): Problem[] {
  const problems: Problem[] = [];
  const expect = (right: boolean, expected: string, actual: string) => {
    if (!right) problems.push({ expected, actual });
  };
  const end = dump && seen.error === 'ok' ? 'done' : 'ack';
  expect(
    seen.end === end,
    end === 'done' ? 'the dump ends with DONE' : 'the request is acknowledged',
    `ended by ${seen.end ?? 'nothing'}`,
  );
  expect(
    seen.strays === 0,
    'messages of this request only: its sequence number, the port of the socket, nothing behind the end',
    `${seen.strays} others`,
  );
  expect(
    seen.answers.every(({ multi }) => multi === dump),
    dump ? 'every part of a dump is marked MULTI' : 'a single answer is not marked MULTI',
    'otherwise',
  );
  expect(
    seen.answers.every(({ version }) => version === 1),
    'answers carry version 1 of the family',
    `versions ${seen.answers.map(({ version }) => version).join(', ')}`,
  );
  return problems;
}

function judgeAnswer(
  { attributes = {}, absent = [], order }: NonNullable<ManagementExpectation['answer']>,
  answers: readonly Answer[],
): Problem[] {
  if (answers.length !== 1) return [{ expected: 'one answer', actual: `${answers.length}` }];
  const got = new Map(answers[0].attributes);
  const problems: Problem[] = Object.entries(attributes)
    .filter(([name, want]) => !got.has(name) || !sameValue(name, want, got.get(name)!))
    .map(([name, want]) => ({
      expected: `${name}: ${want}`,
      actual: `${name}: ${got.get(name) ?? 'missing'}`,
    }));
  for (const name of absent)
    if (got.has(name)) problems.push({ expected: `no ${name}`, actual: `${name}: ${got.get(name)}` });
  const names = answers[0].attributes.map(([name]) => name);
  if (order !== undefined && order.join() !== names.join())
    problems.push({ expected: order.join(', '), actual: names.join(', ') });
  return problems;
}

/** Names in a dump: of devices where they are told, else of management devices. */
function judgeList(
  { listed = [], unlisted = [] }: ManagementExpectation,
  answers: readonly Answer[],
): Problem[] {
  const names = answers.map(({ attributes }) => {
    const got = new Map(attributes);
    return String(got.get('dev-name') ?? got.get('mgmtdev-dev-name') ?? '?');
  });
  const actual = names.join(', ') || 'nothing';
  const problems: Problem[] = [];
  const inOrder = names.filter((name) => listed.includes(name));
  if (inOrder.join() !== listed.join())
    problems.push({ expected: `${listed.join(', ')}, once each and in this order`, actual });
  for (const name of unlisted) if (names.includes(name)) problems.push({ expected: `no ${name}`, actual });
  return problems;
}
