import { judgeBuffers, judgeHeader } from '../../../specs/model/net/packets.ts';
import { metaOfHdr } from '../../kits/net-header.ts';
import { fullSumGood, headersOf } from '../../kits/sums.ts';
import { judgeCount, type Problem } from '../step.ts';
import type { Add } from './add-problem.ts';
import { fromJson, judgeFrames, macsFrom } from './frame-match.ts';
import { judgeHdr } from './judge-header.ts';
import { isGso, isPartial, judgePseudo, judgeRsc, judgeSegments } from './judge-merged.ts';
import { judgeTogether } from './judge-together.ts';
import type { ExpectArgs, NetRxArgs, NetRxSeen, PacketJson } from './receive-args.ts';

export function judgeSaw(what: NonNullable<NetRxArgs['saw']>, packets: readonly PacketJson[]): Problem[] {
  const tests: Record<typeof what, (packet: PacketJson) => boolean> = {
    gso: isGso,
    partial: isPartial,
    packet: () => true,
    'data-valid': ({ hdr }) => (hdr.flags & 2) !== 0,
    rsc: ({ hdr }) => (hdr.flags & 4) !== 0,
  };
  return packets.some(tests[what])
    ? []
    : [
        {
          expected: `a received packet of this kind: ${what}`,
          actual: 'none, so the rule was not put to the test',
        },
      ];
}

export function judgeExpect(args: ExpectArgs, seen: NetRxSeen): Problem[] {
  const problems: Problem[] = [];
  const add = (aspect: string, expected: string, actual: string, standard?: string) => {
    const requirement = args.cite?.[aspect] ?? standard;
    problems.push({ expected, actual, ...(requirement ? { requirement } : {}) });
  };
  seen.packets.forEach((packet, i) => {
    judgeShape(packet, i, seen.mergeable, args, add);
    if (seen.features !== undefined) judgeModel(packet, i, BigInt(seen.features), add);
    judgeHdr(packet, i, args.hdr, add);
    if (isGso(packet)) judgeHdr(packet, i, args['gso-hdr'], add);
    if (isPartial(packet)) judgeHdr(packet, i, args['partial-hdr'], add);
    if (args.pseudo && isPartial(packet)) judgePseudo(packet, i, add);
    if (args['fits-segments'] && isGso(packet)) judgeSegments(packet, i, args.frames, seen, add);
  });
  if (args['rsc-segments'] !== undefined) judgeRsc(seen.packets, args['rsc-segments'], add);
  if (args.together) judgeTogether(seen, add);
  const frames = seen.packets.map((packet) => fromJson({ hex: packet.hex, meta: metaOfHdr(packet.hdr) }));
  problems.push(...judgeFrames(args, macsFrom(seen.mac), frames, args.cite?.frames));
  return problems;
}

/**
 * Buffers of a packet, as the reference model has them (5.1.6.4.1), and so many of them as the case says. A wrong
 * num_buffers where a packet takes one buffer anyway hides nothing else: it is told only where somebody asks for it.
 */
function judgeShape(
  packet: PacketJson,
  i: number,
  mergeable: boolean,
  { buffers, model, cite, hdr }: ExpectArgs,
  add: Add,
): void {
  const asked = mergeable || model || cite?.num_buffers !== undefined || hdr?.num_buffers !== undefined;
  for (const { aspect, requirement, expected, actual } of judgeBuffers(mergeable, packet))
    if (asked || aspect !== 'num_buffers') add(aspect, `packet ${i}: ${expected}`, actual, requirement);
  for (const { expected, actual } of judgeCount(`packet ${i}: used buffers`, buffers, packet.lens.length))
    add('buffers', expected, actual, 'V1.1-5.1.6.4.1-D2');
}

/** The header against everything that the reference model allows with the features in force. */
function judgeModel(packet: PacketJson, i: number, features: bigint, add: Add): void {
  const { bytes } = fromJson(packet);
  const headers = headersOf(bytes);
  const { l4, payload, proto } = headers;
  const frame = {
    headers: payload,
    cwr: proto === 6 && (bytes[l4 + 13] & 0x80) !== 0,
    sumGood: proto === 0 ? null : fullSumGood(bytes, headers),
  };
  for (const { aspect, requirement, expected, actual } of judgeHeader(features, packet.hdr, frame))
    add(aspect, `packet ${i}: ${expected}`, actual, requirement);
}
