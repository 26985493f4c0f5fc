import type { Session } from '../session/session.ts';
import { mmioOf, pciOf, registerPlace } from '../transport/reach.ts';
import { BOOL, defineStep, EXPRESSION, INT, list, obj, type Problem } from './step.ts';

/** One word of driver_feature: what offered bits were written, and what of them reads back. */
interface WordSeen {
  word: number;
  wrote: number;
  read: number;
}

const ORDER = { anyOf: [list(INT, 1), EXPRESSION] };

const wordOf = (bits: bigint, word: number) => Number(BigInt.asUintN(32, bits >> BigInt(32 * word)));

function register(session: Session, name: string) {
  const { space, at, size } = registerPlace(session, name, undefined, undefined);
  return { get: () => space.read(at, size), set: (value: number) => space.write(at, size, value) };
}

/** Read words of driver_feature, offered bits only. */
function readWords(
  session: Session,
  order: readonly number[],
  wrote: (word: number) => number,
): { words: WordSeen[] } {
  const select = register(session, 'driver_feature_select');
  const value = register(session, 'driver_feature');
  return {
    words: order.map((word) => {
      select.set(word);
      return { word, wrote: wrote(word), read: (value.get() & wordOf(session.offered, word)) >>> 0 };
    }),
  };
}

function judgeWords({ words }: { words: WordSeen[] }): Problem[] {
  return words
    .filter(({ wrote, read }) => wrote !== read)
    .map(({ word, wrote, read }) => ({
      expected: `driver_feature, word ${word}: 0x${wrote.toString(16)} of the offered bits`,
      actual: `0x${read.toString(16)}`,
    }));
}

/** `accepted-words`: driver_feature after negotiation. */
export const acceptedWordsStep = defineStep<{ order: number[] }, { words: WordSeen[] }>({
  name: 'accepted-words',
  summary:
    'Read driver_feature (4.1.4.3) word by word, in this order: of the offered bits those read back that the driver accepted.',
  example: '{accepted-words: {order: [0, 1, 0]}}',
  schema: obj({ order: ORDER }, ['order']),
  run: (session, { order }) => readWords(session, order, (word) => wordOf(session.features, word)),
  judge: (_, what) => judgeWords(what),
});

/** `write-words`: driver_feature before FEATURES_OK. */
export const writeWordsStep = defineStep<{ order: number[]; fewer?: boolean }, { words: WordSeen[] }>({
  name: 'write-words',
  summary:
    'Write all offered bits to driver_feature (4.1.4.3) word by word, in this order, then with `fewer` only every second ' +
    'one, and read all of it back. Before FEATURES_OK.',
  example: '{write-words: {order: [0, 1]}}',
  schema: obj({ order: ORDER, fewer: BOOL }, ['order']),
  run(session, { order, fewer }) {
    const select = register(session, 'driver_feature_select');
    const value = register(session, 'driver_feature');
    const put = (mask: number) => {
      for (const word of order) {
        select.set(word);
        value.set((wordOf(session.offered, word) & mask) >>> 0);
      }
    };
    put(0xffff_ffff);
    const mask = fewer ? 0x5555_5555 : 0xffff_ffff;
    if (fewer) put(mask);
    return readWords(session, [0, 1], (word) => (wordOf(session.offered, word) & mask) >>> 0);
  },
  judge: (_, what) => judgeWords(what),
});

/** `forget`: the device was reset behind the back of the bus driver. */
export const forgetStep = defineStep<Record<string, never>, never>({
  name: 'forget',
  summary:
    'The device was reset through a register: queues, buffers and callbacks of the old session count as gone.',
  example: '{forget: {}}',
  schema: obj({}),
  run(session) {
    // What came before the reset took effect still belongs to the old session, also where it has to be asked for.
    const { transport } = session.instance;
    session.comparison?.sync();
    if (transport?.kind === 'pci') transport.access.interrupts.poll();
    else transport?.access.poll();
    // What the register write was, in the words of the contract.
    session.recorder.push({ k: 'op', op: 'reset', a: [], r: 0 });
    session.forget();
  },
});

/** `legacy-reset`: what a legacy driver does first (4.1.4.9). */
export const legacyResetStep = defineStep<Record<string, never>, { before: number[]; after: number[] }>({
  name: 'legacy-reset',
  summary:
    'Write 0 to offset 18 of BAR 0, as a legacy driver does to reset its device: afterwards every BAR reads 0 (4.1.4.9). ' +
    'The function is of no use any more.',
  example: '{legacy-reset: {}}',
  schema: obj({}),
  run(session) {
    const { config, access } = pciOf(session);
    const bars = () => [0, 1, 2, 3, 4, 5].map((i) => config.read(0x10 + 4 * i, 4));
    const before = bars();
    access.writeBar(0, 18, 1, 0);
    for (const i of [0, 1, 2, 3, 4, 5]) config.write(0x10 + 4 * i, 4, 0xffff_ffff);
    return { before, after: bars() };
  },
  judge: (_, { after }) =>
    after.every((bar) => bar === 0)
      ? []
      : [
          {
            expected: 'every BAR reads 0 and stays so',
            actual: after.map((bar) => `0x${bar.toString(16)}`).join(' '),
          },
        ],
});

/** `negotiate-by-hand`: negotiation through the registers of a virtio-mmio device. */
export const negotiateByHandStep = defineStep<{ order: number[] }, { status: number }>({
  name: 'negotiate-by-hand',
  summary:
    'Reset a virtio-mmio device and negotiate through its registers, the words of the features written in this order; the ' +
    'device keeps FEATURES_OK.',
  example: '{negotiate-by-hand: {order: [1, 0]}}',
  schema: obj({ order: ORDER }, ['order']),
  run(session, { order }) {
    mmioOf(session);
    const features = session.wanted & session.offered;
    const status = register(session, 'Status');
    session.recorder.push({ k: 'by-hand' });
    for (const value of [0, 1, 3]) status.set(value);
    for (const word of order) {
      register(session, 'DriverFeaturesSel').set(word);
      register(session, 'DriverFeatures').set(wordOf(features, word));
    }
    status.set(11);
    return { status: status.get() };
  },
  judge: (_, { status }) =>
    (status & 8) !== 0
      ? []
      : [{ expected: 'FEATURES_OK with the words written', actual: `status 0x${status.toString(16)}` }],
});
