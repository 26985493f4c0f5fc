import { between, chance, pick } from '../../draw.ts';
import { about, softly, step } from '../../strategy.ts';
import { can, offers, type Scene, up } from '../scene.ts';
import { choose, only, RX, SHARES, sends, TX, takes } from './features.ts';
import { buffersFor, hardFrame, wholeFrame } from './frames-in.ts';
import { AFRESH } from './packets-out.ts';

const CITE = {
  frames: 'P1.1-027m',
  csum_start: 'V1.1-5.1.6.4.1-D13',
  pseudo: 'V1.1-5.1.6.4.1-D12',
  together: 'V1.1-5.1.6.4.1-D4',
  rsc: 'V1.1-5.1.6.4.1-D16',
};

/** Frames of all kinds arrive as they should, or not at all where that is allowed. */
export const reception: Scene = {
  name: 'reception',
  weight: 4,
  fits: sends,
  draw(view, draw) {
    const features = choose(view, draw, RX, pick(draw, SHARES));
    const mergeable = features.includes('net.MRG_RXBUF');
    const { without } = only(RX, features);
    const rounds = between(draw, 1, 3);
    let hard = false;
    const steps = Array.from({ length: rounds }, (_, i) => {
      const late = hard;
      hard = chance(draw, 60);
      const marker = 10 * (i + 1);
      const count = hard ? 1 : between(draw, 1, 3);
      const frames = Array.from({ length: count }, (_, k) =>
        hard ? hardFrame(view, draw) : { ...wholeFrame(view, draw), marker: marker + k },
      );
      const expect = {
        frames,
        model: true,
        pseudo: true,
        cite: CITE,
        ...(hard ? { missing: true, loose: true, 'fits-segments': true } : {}),
        ...(can(view.facts, 'track') && mergeable ? { together: true } : {}),
      };
      return [
        // A device may still have frames from before.
        ...(i === 0 || late ? [step('net-rx', { post: { count: 8, size: 2048 } }), step('quiet')] : []),
        step('net-rx', { post: buffersFor(draw, mergeable, hard) }),
        step('net-rx', { forget: true }),
        step('peer', { send: frames }),
        step('net-rx', { expect }),
      ];
    });
    return [up(view, draw, { features, without, size: 256 }), ...steps.flat()];
  },
};

/** A checksum that the far side left open is completed for a driver that did not accept that. */
export const completedChecksum: Scene = {
  name: 'completed-checksum',
  fits: (facts) => sends(facts) && (facts.peer?.sendMeta === 'csum' || facts.peer?.sendMeta === 'gso'),
  draw(view, draw) {
    const features = choose(view, draw, ['net.MRG_RXBUF'], 50);
    const kind = pick(draw, ['r4', 'r6', 'ru'] as const);
    const frame = chance(draw, 30)
      ? { ru: 300, partial: true, ports: [67, 68] }
      : { [kind]: between(draw, 60, 900), partial: true, ...(chance(draw, 20) ? { vlan: 5 } : {}) };
    return [
      up(view, draw, { features, without: RX.filter((name) => !features.includes(name)), size: 64 }),
      step('net-rx', { post: buffersFor(draw, features.length > 0, false) }),
      step('peer', { send: frame }),
      softly('V1.1-5.1.6.4.1-D5b', step('net-rx', { expect: { frames: frame, hdr: { flags: 0 } } })),
    ];
  },
};

/** Super-frames whose size is known say how large their segments are, and of how many they are made. */
export const superFrames: Scene = {
  name: 'super-frames',
  fits: (facts) =>
    sends(facts) && facts.peer?.sendMeta === 'gso' && offers(facts, 'net.GUEST_CSUM', 'net.GUEST_TSO4'),
  draw(view, draw) {
    const all = [
      'net.GUEST_TSO4',
      'net.GUEST_TSO6',
      'net.GUEST_UFO',
      ...choose(view, draw, ['net.MRG_RXBUF'], 50),
    ];
    const counted = offers(view.facts, 'net.RSC_EXT') && chance(draw, 50) ? ['net.RSC_EXT'] : [];
    const features = choose(view, draw, [...all, ...counted], 100);
    const mergeable = features.includes('net.MRG_RXBUF');
    const kind = features.includes('net.GUEST_TSO6') ? pick(draw, ['r4', 'r6'] as const) : 'r4';
    const udp = counted.length === 0 && features.includes('net.GUEST_UFO') && chance(draw, 30);
    const [size, gso] = [between(draw, 1500, 4000), pick(draw, [536, 1000, 1400])];
    const frame = udp ? 'P6' : { [kind]: size, gso };
    const segments = { flags: { mask: 4, is: 4 }, csum_start: Math.ceil(size / gso), csum_offset: 0 };
    const expect = { frames: frame, missing: true, loose: true };
    const seen =
      counted.length > 0
        ? about('V1.1-5.1.6.4.1-D16', step('net-rx', { expect: { ...expect, 'gso-hdr': segments } }))
        : softly(
            'V1.1-5.1.6.4.1-D15b',
            step('net-rx', { expect: { ...expect, 'gso-hdr': { gso_size: udp ? 1480 : gso } } }),
          );
    return [
      up(view, draw, { features, without: RX.filter((name) => !features.includes(name)), size: 64 }),
      step('net-rx', { post: mergeable ? { count: 8, size: 2048 } : { count: 4, size: 65562 } }),
      step('peer', { send: { is: 'P1', marker: 1 } }),
      step('net-rx', { has: { is: 'P1', marker: 1 } }),
      step('net-rx', { forget: true }),
      step('peer', { send: frame }),
      seen,
    ];
  },
};

/** Frames longer than the mtu that the driver knows of do not reach it; as long as it, they go both ways. */
export const fullSize: Scene = {
  name: 'full-size',
  fits: (facts) =>
    sends(facts) && takes(facts) && offers(facts, 'net.MTU') && (facts.values.mtu as number) <= 9000,
  draw(view, draw) {
    const mtu = view.facts.values.mtu as number;
    const features = [
      'net.MTU',
      ...choose(view, draw, ['net.MRG_RXBUF', 'net.CSUM', 'net.HOST_TSO4', 'net.HOST_ECN'], 50),
    ];
    const mergeable = features.includes('net.MRG_RXBUF');
    const [fits, over] = [between(draw, 0, 2), pick(draw, [1, 2, 4, between(draw, 1, 800)])];
    const whole = { ru: mtu - 28 - fits, marker: 1 };
    const large = { ru: mtu - 28 + over, marker: 2 };
    const out = { u4: mtu - 28 - between(draw, 0, 2) };
    const ecn = features.includes('net.HOST_ECN') && chance(draw, 50);
    const post = mergeable ? { count: 10, size: 1024 } : { count: 4, size: mtu + 1200 };
    return [
      step('peer', { accept: [] }),
      up(view, draw, { features, without: only([...RX, ...TX], features).without, size: 64 }),
      AFRESH,
      step('net-rx', { post }),
      step('peer', { send: whole }),
      about('P1.1-027m', step('net-rx', { expect: { frames: whole } })),
      step('peer', { send: [large, 'F'] }),
      about('V1.1-5.1.4.1-D5', step('net-rx', { none: large })),
      step('net-tx', { hdr: ecn ? { gso_type: 0x80 } : {}, frame: out }),
      about('V1.1-5.1.4.1-D6', step('peer', { expect: out })),
    ];
  },
};
