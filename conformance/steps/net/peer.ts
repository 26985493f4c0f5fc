import type { FrameMeta, PeerOffload } from '../../../framework/peer.ts';
import { describe, isNoise, resembles } from '../../kits/frame-difference.ts';
import type { FrameArg } from '../../kits/frame-spec.ts';
import { buildFrames } from '../../kits/frames.ts';
import { toHex } from '../../kits/hex.ts';
import { takenFacts, takenFrames } from '../../kits/net.ts';
import type { Session } from '../../session/session.ts';
import { BOOL, COUNT, defineStep, list, obj, oneOf, type Problem } from '../step.ts';
import { FRAMES, orText } from './frame-args.ts';
import {
  type FrameJson,
  fromJson,
  judgeFrames,
  MATCH,
  type MatchArgs,
  macsFrom,
  macsOf,
} from './frame-match.ts';
import { judgeMade, madeOf } from './made-of.ts';
import type { PeerArgs, PeerSeen } from './peer-args.ts';

const isMatch = (arg: object | string): arg is MatchArgs => typeof arg === 'object' && 'frames' in arg;

const matchOf = (arg: FrameArg | MatchArgs): MatchArgs => (isMatch(arg) ? arg : { frames: arg });

/** `peer`: the far side of a network device. */
export const peerStep = defineStep<PeerArgs, PeerSeen>({
  name: 'peer',
  summary:
    'Act as the far side: `accept` transmit offloads (before bring-up), `link` up or down, `stall` true or false, ask ' +
    'for an `announce`, `send` frames with their metadata; or let the device work and compare what it forwarded since ' +
    'the last look: `expect` these frames and no other, in order ({frames, missing, others, any-order, loose}), or ' +
    '`none` of them, or it `has` them among others (and the next look sees them again). Checksums and super-frames that metadata describes are completed by the suite first.',
  example: '{peer: {expect: {t4: 100}}}',
  schema: obj({
    accept: orText(list(oneOf('csum', 'tso4', 'tso6', 'ecn', 'ufo'))),
    link: oneOf('up', 'down'),
    stall: BOOL,
    announce: BOOL,
    forget: { ...BOOL, description: 'Forget what was forwarded so far.' },
    send: FRAMES,
    expect: { anyOf: [...FRAMES.anyOf, obj(MATCH, ['frames'])] },
    has: FRAMES,
    none: FRAMES,
    'made-of': {
      ...obj({ frames: FRAMES, count: COUNT }, ['frames']),
      description:
        'What was forwarded holds nothing but bytes of these frames: whole, or cut into so many pieces.',
    },
  }),
  run(session, args) {
    const peer = session.instance.peer ?? session.lacks('the parent offers no packet peer');
    const lacks = (what: string): never => session.lacks(`the peer offers no ${what}`);
    const act = (what: string, action: () => void) => session.guarded(`peer.${what}`, action);
    if (args.accept !== undefined) {
      act('accept', () => peer.accept(args.accept!));
      session.saved.set('net-accepts', args.accept);
    }
    if (args.link !== undefined)
      act('link', () => (peer.link ? peer.link(args.link === 'up') : lacks('link')));
    if (args.stall) session.recorder.push({ k: 'backend', what: 'stall' });
    if (args.stall !== undefined) act('stall', () => (peer.stall ? peer.stall(args.stall!) : lacks('stall')));
    if (args.announce) act('announce', () => (peer.announce ? peer.announce() : lacks('announce')));
    if (args.send !== undefined) {
      const frames = buildFrames(args.send, macsOf(session));
      for (const { bytes, meta } of frames) act('send', () => peer.send(bytes, meta));
    }
    if (args.forget) takenFrames(session).length = 0;
    if (args['made-of'] !== undefined) return madeOf(session, args['made-of'].frames);
    if (args.expect === undefined && args.none === undefined && args.has === undefined) return undefined;
    session.quiet();
    for (const queue of session.queues.all) session.queues.collect(queue.idx);
    return { ...takeFrames(session, args), accepts: session.saved.get('net-accepts') ?? [] };
  },
  judge(args, seen) {
    if (seen.made !== undefined) return judgeMade(args['made-of']!.count, seen.made);
    const macs = macsFrom(seen.mac);
    const frames = seen.frames.map(fromJson);
    const problems = frames.flatMap(({ meta }) => unasked(meta, seen.accepts));
    if (args.none !== undefined) {
      for (const { bytes } of frames)
        problems.push({ expected: 'none of these frames is forwarded', actual: describe(bytes) });
    } else if (args.has !== undefined)
      problems.push(...judgeFrames({ frames: args.has, others: true }, macs, frames));
    else problems.push(...judgeFrames(matchOf(args.expect!), macs, frames));
    return problems;
  },
});

/** Frames of the session that the peer took: all for `expect`, those that are meant for `none`. */
function takeFrames(session: Session, args: PeerArgs): { mac: string; frames: FrameJson[] } {
  const macs = macsOf(session);
  const taken = takenFrames(session);
  const meant = buildFrames(args.none ?? args.has ?? matchOf(args.expect!).frames, macs);
  const sources = [macs.dev, macs.peer, ...meant.map(({ bytes }) => bytes.subarray(6, 12))];
  const mine =
    args.none === undefined
      ? taken.filter((bytes) => !isNoise(bytes, sources))
      : taken.filter((bytes) => meant.some((want) => resembles(want.bytes, want.marker, bytes)));
  if (args.has !== undefined)
    return { mac: toHex(macs.dev), frames: mine.map((bytes) => jsonOf(session, bytes)) };
  const rest = args.none === undefined ? [] : taken.filter((bytes) => !mine.includes(bytes));
  taken.splice(0, taken.length, ...rest);
  return { mac: toHex(macs.dev), frames: mine.map((bytes) => jsonOf(session, bytes)) };
}

function jsonOf(session: Session, bytes: Uint8Array): FrameJson {
  const { meta } = takenFacts(session, bytes);
  return { hex: toHex(bytes), ...(meta ? { meta } : {}) };
}

/** Offloads left to a peer that did not accept them. */
function unasked(meta: FrameMeta | undefined, accepts: readonly PeerOffload[]): Problem[] {
  if (meta === undefined) return [];
  const needs: PeerOffload[] = meta.needsCsum ? ['csum'] : [];
  if (meta.gsoType === 'tcpv4') needs.push('tso4');
  if (meta.gsoType === 'tcpv6') needs.push('tso6');
  if (meta.gsoType === 'udp') needs.push('ufo');
  const gap = needs.filter((need) => !accepts.includes(need));
  return gap.length === 0
    ? []
    : [
        {
          expected: `the device does ${gap.join(', ')} itself`,
          actual: 'left to a peer that did not accept it',
        },
      ];
}
