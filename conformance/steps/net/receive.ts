import { describe, isNoise, resembles } from '../../kits/frame-difference.ts';
import { buildFrames } from '../../kits/frames.ts';
import { fromHex, toHex } from '../../kits/hex.ts';
import { metaOfHdr } from '../../kits/net-header.ts';
import { type Packet, publications, receivePackets, receiveState } from '../../kits/net-packets.ts';
import type { Part } from '../../session/buffers.ts';
import { addOptions } from '../../session/requests.ts';
import type { Session } from '../../session/session.ts';
import { KICK, release } from '../request/release.ts';
import { BOOL, COUNT, defineStep, INT, judgeCount, list, obj, oneOf, TEXT } from '../step.ts';
import { FRAMES, orText } from './frame-args.ts';
import { fromJson, judgeFrames, MATCH, macsFrom, macsOf } from './frame-match.ts';
import { judgeExpect, judgeSaw } from './judge-received.ts';
import { LAY, sizesOf } from './layouts.ts';
import { needsReset } from './needs-reset.ts';
import { type NetRxArgs, type NetRxSeen, type PacketJson, type PostArgs, WANTS } from './receive-args.ts';

/** `net-rx`: receive packets. */
export const netRxStep = defineStep<NetRxArgs, NetRxSeen>({
  name: 'net-rx',
  summary:
    '`post` receive buffers (`count` of `size`, or `sizes`), laid out as `lay`; or let the device work, read packets out ' +
    'of the used buffers and compare: `expect` these frames and no other ({frames, missing, others …}), with header ' +
    'fields `hdr` on every packet, `gso-hdr` on super-frames, `partial-hdr` where NEEDS_CSUM is set, so many ' +
    '`buffers` a packet, the checksum field holding the `pseudo` header sum, all buffers of a packet published ' +
    '`together`. `cite` names the requirement of each aspect (frames, lens, buffers, together, a field). `none` of ' +
    'these frames was received; `saw`: the packets of the last look had such a one.',
  example: '{net-rx: {expect: {frames: P1, hdr: {flags: 0, num_buffers: 1}}}}',
  schema: obj({
    post: obj({
      queue: INT,
      sizes: orText(list(INT)),
      size: INT,
      count: INT,
      lay: LAY,
      indirect: BOOL,
      as: TEXT,
      publish: BOOL,
      kick: KICK,
    }),
    expect: obj(
      {
        ...MATCH,
        queue: INT,
        hdr: WANTS,
        'gso-hdr': WANTS,
        'partial-hdr': WANTS,
        pseudo: BOOL,
        'fits-segments': {
          ...BOOL,
          description: 'gso_size is no smaller than the largest segment that was merged.',
        },
        'rsc-segments': { ...INT, description: 'Segments in all packets together, counted by RSC_INFO.' },
        buffers: COUNT,
        model: { ...BOOL, description: 'Headers as the reference model allows with the features in force.' },
        together: BOOL,
        cite: { type: 'object', additionalProperties: TEXT },
      },
      ['frames'],
    ),
    has: FRAMES,
    none: FRAMES,
    unused: { ...COUNT, description: 'Posted buffers that the device still has.' },
    saw: oneOf('gso', 'partial', 'packet', 'data-valid', 'rsc'),
    queue: INT,
    forget: BOOL,
    breached: {
      ...BOOL,
      description: 'The driver broke a rule before: a device that asks for a reset is right as well.',
    },
  }),
  run(session, args) {
    if (args.post !== undefined) post(session, args.post);
    if (args.forget) forget(session, args.queue ?? 0);
    if (args.saw !== undefined) return session.saved.get('net-last-seen') as NetRxSeen;
    if (args.unused !== undefined) return countUnused(session, args.queue ?? 0);
    if (args.expect === undefined && args.none === undefined && args.has === undefined) return undefined;
    session.quiet();
    const seen = look(session, args);
    if (args.breached && needsReset(session)) seen.broken = true;
    session.saved.set('net-last-seen', seen);
    return seen;
  },
  judge(args, seen) {
    if (seen?.broken) return [];
    if (args.unused !== undefined)
      return judgeCount('buffers that did not come back', args.unused, seen.unused!);
    if (args.saw !== undefined) return judgeSaw(args.saw, seen?.packets ?? []);
    if (args.none !== undefined)
      return seen.packets.map(({ hex }) => ({
        expected: 'none of these frames is received',
        actual: describe(fromHex(hex)),
      }));
    if (args.has !== undefined) {
      const frames = seen.packets.map(({ hex, hdr }) => fromJson({ hex, meta: metaOfHdr(hdr) }));
      return judgeFrames({ frames: args.has, others: true, 'any-order': true }, macsFrom(seen.mac), frames);
    }
    return judgeExpect(args.expect!, seen);
  },
});

function post(session: Session, args: PostArgs): void {
  const idx = args.queue ?? 0;
  const state = receiveState(session, session.queues.must(idx));
  const sizes = args.sizes ?? Array.from({ length: args.count ?? 1 }, () => args.size ?? 2048);
  const lay = args.lay ?? 'L1';
  for (const [i, size] of sizes.entries()) {
    const parts: Part[] = sizesOf(lay, size).map((write) => ({ write }));
    const buffer = session.buffers.create(idx, args.as === undefined ? '' : `${args.as}-${i}`, parts);
    session.queues.add(
      buffer,
      addOptions(session, { indirect: args.indirect ?? lay === 'L6' }, parts.length),
    );
    state.posted.set(buffer.b, buffer);
  }
  release(session, idx, args);
}

function forget(session: Session, idx: number): void {
  receivePackets(session, idx).length = 0;
}

function countUnused(session: Session, idx: number): NetRxSeen {
  session.quiet();
  receivePackets(session, idx);
  const { posted } = receiveState(session, session.queues.must(idx));
  const unused = [...posted.values()].filter(({ used }) => used === undefined).length;
  return { mac: '', mergeable: false, packets: [], unused };
}

function look(session: Session, args: NetRxArgs): NetRxSeen {
  const idx = args.expect?.queue ?? args.queue ?? 0;
  const macs = macsOf(session);
  const packets = receivePackets(session, idx);
  const queue = session.queues.must(idx);
  const published = args.expect?.together ? publications(session, queue, packets) : {};
  const meant = buildFrames(args.none ?? args.has ?? args.expect!.frames, macs);
  const sources = [macs.dev, macs.peer, ...meant.map(({ bytes }) => bytes.subarray(6, 12))];
  const mine = packets.filter(({ frame }) =>
    args.none === undefined
      ? !isNoise(frame, sources) || frame.length < 12
      : meant.some((want) => resembles(want.bytes, want.marker, frame)),
  );
  const rest = args.none === undefined ? [] : packets.filter((packet) => !mine.includes(packet));
  if (args.has === undefined) packets.splice(0, packets.length, ...rest);
  const json = ({ hdr, frame, lens, rooms, missing, open }: Packet): PacketJson => ({
    hex: toHex(frame),
    hdr,
    lens,
    rooms,
    ...(missing === undefined ? {} : { missing }),
    ...(open === undefined ? {} : { open }),
  });
  return {
    mac: toHex(macs.dev),
    mergeable: session.has('VIRTIO_NET_F_MRG_RXBUF'),
    ...(args.expect?.model ? { features: `0x${session.features.toString(16)}` } : {}),
    packets: mine.map(json),
    ...published,
  };
}
