import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import type { FrameSpec } from '../../kits/frame-spec.ts';
import { buildFrame } from '../../kits/frames.ts';
import { toHex } from '../../kits/hex.ts';
import { ownMac, PEER_MAC, sameFrame } from '../../kits/net.ts';
import { macsOf, receivedFrames, receiveQueues, serial, topUp } from '../../kits/net-probes.ts';
import type { Session } from '../../session/session.ts';
import { BOOL, defineStep, INT, list, obj, type Problem, TEXT } from '../step.ts';
import { postCommand, workUntil } from './control-command.ts';

/** `net-quiet-filter`: all receive modes off. */
export const netQuietFilterStep = defineStep<Record<string, never>, { mode: number; ack: number }[]>({
  name: 'net-quiet-filter',
  summary:
    'Switch all receive modes off: PROMISC and ALLMULTI, with CTRL_RX_EXTRA the other four as well. No mode is specified ' +
    'for the time after reset, so every case about the filter begins here; when the device refuses, it is blocked.',
  example: '{net-quiet-filter: {}}',
  schema: obj({}),
  run(session) {
    const modes = session.has('VIRTIO_NET_F_CTRL_RX_EXTRA') ? 6 : 2;
    return Array.from({ length: modes }, (_, mode) => {
      const buffer = postCommand(session, Uint8Array.of(0, mode, 0), 'C2');
      session.queues.kickIfNeeded(buffer.q);
      workUntil(session, () => session.queues.collect(buffer.q).length > 0 || buffer.used !== undefined);
      return { mode, ack: buffer.used === undefined ? -1 : session.buffers.written(buffer)[0] };
    });
  },
  judge: (_, seen) =>
    seen
      .filter(({ ack }) => ack !== 0)
      .map(({ mode, ack }) => ({
        expected: `receive mode ${mode} off: ack 0`,
        actual: ack < 0 ? 'the command was not used' : `ack ${ack}`,
        blocked: true,
      })),
});

const PROBE_BUFFER = 256;

const PROBE_BURST = 8;

interface ProbeArgs {
  to: string | string[];
  vlan?: number;
  received: boolean;
  gauge?: boolean;
  fence?: string;
  'if-acked'?: string;
  'if-refused'?: string;
  breached?: boolean;
}

interface ProbeSeen {
  probes: { to: string; times: number }[];
  fence: number;
  other: number;
  /** An earlier gauge showed that the device does not filter precisely. */
  imprecise?: boolean;
  /** The expectation does not apply: the command it rests on went otherwise, or the device gave up. */
  unjudged?: boolean;
}

/** Whether the command of that name, if one is named, was not acked as wanted. */
function otherwise(session: Session, name: string | undefined, ok: boolean): boolean {
  if (name === undefined) return false;
  const command = session.buffers.named(name) ?? session.stop(`no command is called ${name}`);
  return command.used === undefined || (session.buffers.written(command).at(-1) === 0) !== ok;
}

/** `net-probe`: does a frame to this address reach the driver? */
export const netProbeStep = defineStep<ProbeArgs, ProbeSeen>({
  name: 'net-probe',
  summary:
    'The peer sends a frame to each address (`to`: dev, first-dev, foreign, foreign2, multicast, multicast6, lldp, ' +
    'broadcast, uni-3, multi-0..64, or hex; `vlan` tags it), then a fence to an address that must get through (`fence`, default ' +
    'dev). All receive queues have buffers. `received` says whether the frames are to arrive. With `gauge: true` an ' +
    'arrival against expectation only shows that the device filters loosely; absences are not judged after that. ' +
    '`if-acked`, `if-refused`: judged only if the command of that name was acked 0, or 1. `breached`: not judged when the ' +
    'device has set DEVICE_NEEDS_RESET.',
  example: '{net-probe: {to: [foreign, foreign2], received: false}}',
  schema: obj(
    {
      to: { anyOf: [TEXT, list(TEXT)] },
      vlan: INT,
      received: BOOL,
      gauge: BOOL,
      fence: TEXT,
      'if-acked': TEXT,
      'if-refused': TEXT,
      breached: BOOL,
    },
    ['to', 'received'],
  ),
  run(session, args) {
    const peer = session.instance.peer ?? session.lacks('the parent offers no packet peer');
    const macs = { dev: ownMac(session), peer: PEER_MAC };
    const frameTo = (mac: Uint8Array, more: FrameSpec = {}) =>
      buildFrame({ r4: 100, to: toHex(mac), marker: serial(session), ...more }, macs).bytes;
    const probes = [args.to]
      .flat()
      .flatMap((name) => macsOf(session, name))
      .map((mac) => {
        const frame = frameTo(mac, args.vlan === undefined ? {} : { vlan: args.vlan });
        return { to: toHex(mac), frame, times: 0 };
      });
    const burst = Math.max(1, Math.min(PROBE_BURST, session.queues.must(0).num - 1));
    let fence = 0;
    let other = 0;
    for (let at = 0; at < probes.length; at += burst) {
      const last = frameTo(macsOf(session, args.fence ?? 'dev')[0]);
      for (const queue of receiveQueues(session)) topUp(session, queue, burst + 1, PROBE_BUFFER);
      for (const { frame } of probes.slice(at, at + burst))
        session.guarded('peer.send', () => peer.send(frame));
      session.guarded('peer.send', () => peer.send(last));
      session.quiet();
      for (const { frame } of receivedFrames(session)) {
        const probe = probes.find((one) => sameFrame(one.frame, frame));
        if (probe) probe.times++;
        else if (sameFrame(last, frame)) fence++;
        else other++;
      }
    }
    const bursts = Math.ceil(probes.length / burst);
    if (args.gauge && !args.received && probes.some(({ times }) => times > 0))
      session.saved.set('net-imprecise', true);
    const imprecise = session.saved.get('net-imprecise') === true;
    const gaveUp = args.breached && (session.ops.getStatus() & STATUS.DEVICE_NEEDS_RESET) !== 0;
    const unjudged =
      gaveUp || otherwise(session, args['if-acked'], true) || otherwise(session, args['if-refused'], false);
    return {
      probes: probes.map(({ to, times }) => ({ to, times })),
      fence: fence - bursts + 1,
      other,
      ...(imprecise ? { imprecise } : {}),
      ...(unjudged ? { unjudged } : {}),
    };
  },
  judge(args, seen) {
    const tag = args.vlan === undefined ? '' : ` with VLAN id ${args.vlan}`;
    const problems: Problem[] = [];
    if (seen.unjudged) return problems;
    if (args.received) {
      const gone = seen.probes.filter(({ times }) => times !== 1);
      for (const { to, times } of gone.slice(0, 3)) {
        const altered = seen.other > 0 ? ` (${seen.other} altered or strange frames were)` : '';
        problems.push({
          expected: `the frame to ${to}${tag} is received`,
          actual: `received ${times} times${altered}`,
        });
      }
      return problems;
    }
    if (seen.fence < 1)
      problems.push({
        expected: 'the fence frame is received',
        actual: 'it is not, so absence says nothing',
        blocked: true,
      });
    if (args.gauge || seen.imprecise) return problems;
    for (const { to, times } of seen.probes.filter(({ times }) => times > 0).slice(0, 3))
      problems.push({
        expected: `the frame to ${to}${tag} is not received`,
        actual: `received ${times} times`,
      });
    return problems;
  },
});
