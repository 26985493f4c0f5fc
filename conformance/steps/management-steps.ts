import { VdpaClient } from '../../framework/management/client/client.ts';
import { AttributeWriter } from '../../framework/netlink/attribute.ts';
import { NLM_F } from '../../framework/netlink/message.ts';
import { NL_ERRNO } from '../../framework/netlink/netlink-error.ts';
import { VDPA_ATTRIBUTES, VDPA_CMD, type VdpaCommand } from '../../specs/vdpa/netlink.ts';
import type { Session } from '../session/session.ts';
import { judgeManagement, type ManagementExpectation } from './management-judge.ts';
import { putAttribute, readAttribute, type WrittenValue } from './management-values.ts';
import { BOOL, defineStep, EXPRESSION, INT, list, obj, oneOf, TEXT } from './step.ts';

interface ManagementArgs extends ManagementExpectation {
  do: VdpaCommand | number;
  attributes?: Record<string, WrittenValue>;
  raw?: string;
  admin?: boolean;
  flags?: number;
}

/** What a request led to, as plain JSON. */
export interface ManagementSeen {
  /** Name of the errno, or `ok`. */
  error: string;
  text?: string;
  offset?: number;
  end: 'ack' | 'done' | null;
  strays: number;
  answers: { command: string; version: number; multi: boolean; attributes: [string, WrittenValue][] }[];
}

const COMMANDS = Object.keys(VDPA_CMD);
const ERRORS = ['ok', ...Object.keys(NL_ERRNO)];
const NAMES = [...new Set(VDPA_ATTRIBUTES.map(({ name }) => name))];
const VALUE = { type: ['integer', 'string'] };
const attributes = (value: unknown) => obj(Object.fromEntries(NAMES.map((name) => [name, value])));
const ANSWER = obj({
  attributes: attributes(VALUE),
  absent: list(oneOf(...NAMES)),
  order: { anyOf: [list(oneOf(...NAMES), 1), EXPRESSION] },
});

const commandName = (command: number): string =>
  COMMANDS.find((name) => VDPA_CMD[name as VdpaCommand] === command) ?? `command ${command}`;

const errorName = (errno: number): string => {
  if (errno === 0) return 'ok';
  return ERRORS.find((name) => NL_ERRNO[name as keyof typeof NL_ERRNO] === errno) ?? `errno ${errno}`;
};

/** `management`: one request to the netlink family `vdpa`. */
export const managementStep = defineStep<ManagementArgs, ManagementSeen>({
  name: 'management',
  summary:
    'Send a request of the netlink family `vdpa` (`do`, with `attributes` by name; `raw`: further attribute bytes in hex; ' +
    '`dump`: for all; `admin: false`: without CAP_NET_ADMIN) and expect its end: `error` (default ok; several are ' +
    'alternatives) with `text`, and `answer` (attributes, those that are `absent`, and the whole `order`) or, of a dump, ' +
    '`listed` and `unlisted` names of devices and management devices. Devices that were made are removed after the case.',
  example: '{management: {do: dev-get, attributes: {dev-name: cts0}, answer: {attributes: {dev-id: 1}}}}',
  schema: obj(
    {
      do: { anyOf: [oneOf(...COMMANDS), INT] },
      dump: BOOL,
      attributes: attributes(VALUE),
      raw: TEXT,
      admin: BOOL,
      flags: INT,
      error: { anyOf: [oneOf(...ERRORS), list(oneOf(...ERRORS), 1)] },
      text: { anyOf: [TEXT, { type: 'null' }] },
      answer: ANSWER,
      listed: list(TEXT),
      unlisted: list(TEXT),
    },
    ['do'],
  ),
  run(session, args) {
    const client = clientOf(session, args.admin ?? true);
    const writer = new AttributeWriter();
    for (const [name, value] of Object.entries(args.attributes ?? {})) putAttribute(writer, name, value);
    const bytes = Uint8Array.from([...writer.bytes(), ...Buffer.from(args.raw ?? '', 'hex')]);
    const command = typeof args.do === 'number' ? args.do : VDPA_CMD[args.do];
    const flags = NLM_F.REQUEST | NLM_F.ACK | (args.dump ? NLM_F.DUMP : 0) | (args.flags ?? 0);
    const { errno, text, offset, end, strays, answers } = session.guarded('management', () =>
      client.send(command, bytes, flags),
    );
    if (command === VDPA_CMD['dev-new'] && errno === 0) undoLater(session, args.attributes?.['dev-name']);
    const { release } = client.family;
    const seen: ManagementSeen = {
      error: errorName(errno),
      ...(text === undefined ? {} : { text }),
      ...(offset === undefined ? {} : { offset }),
      end,
      strays,
      answers: answers.map((answer) => ({
        command: commandName(answer.command),
        version: answer.version,
        multi: (answer.flags & NLM_F.MULTI) !== 0,
        attributes: answer.attributes.map((attribute) => readAttribute(attribute, release)),
      })),
    };
    return seen;
  },
  judge: judgeManagement,
});

/** The session's user of the family, administrator or not; opened once. */
function clientOf(session: Session, admin: boolean): VdpaClient {
  return session.state(`management:${admin}`, () => {
    const access = session.instance.management ?? session.lacks('the parent offers no management');
    const socket = access.open({ admin }) ?? session.lacks('rights cannot be given up here');
    session.cleanups.push(() => socket.dispose?.());
    return session.guarded('management', () => new VdpaClient(socket));
  });
}

/** Remove a device when the session ends, whatever else happens. */
function undoLater(session: Session, name: WrittenValue | undefined): void {
  const client = clientOf(session, true);
  // The system has a name with `/` under another one.
  const kept = String(name).replaceAll('/', '!');
  session.cleanups.push(() => {
    const writer = new AttributeWriter();
    putAttribute(writer, 'dev-name', kept);
    client.request('dev-del', writer);
  });
}

/** `family`: what the kernel tells of the family `vdpa`. */
export const familyStep = defineStep<
  { commands?: VdpaCommand[]; version?: number },
  { version: number; maxattr: number; commands: string[] }
>({
  name: 'family',
  summary: 'Ask for the netlink family `vdpa`; expect its `version` and that it has these `commands`.',
  example: '{family: {version: 1, commands: [dev-new, dev-del]}}',
  schema: obj({ version: INT, commands: list(oneOf(...COMMANDS)) }),
  run(session) {
    const { version, maxattr, commands } = clientOf(session, true).family;
    return { version, maxattr, commands: commands.map(commandName) };
  },
  judge({ version, commands = [] }, seen) {
    const problems = commands
      .filter((name) => !seen.commands.includes(name))
      .map((name) => ({ expected: `the family has ${name}`, actual: seen.commands.join(', ') }));
    if (version !== undefined && version !== seen.version)
      problems.push({ expected: `version ${version}`, actual: `version ${seen.version}` });
    return problems;
  },
});
