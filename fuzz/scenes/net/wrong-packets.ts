import { between, chance, pick } from '../../draw.ts';
import { about, step } from '../../strategy.ts';
import { hex } from '../bytes.ts';
import { fresh, offers, type Scene, up } from '../scene.ts';
import { control } from './control-session.ts';

/** Offload headers that make no sense, in front of a packet. */
export const senselessHeader: Scene = {
  name: 'senseless-header',
  weight: 2,
  breach: true,
  fits: (facts) => facts.type === 'net' && facts.peer?.take === true,
  draw(view, draw) {
    const all = ['net.CSUM', 'net.HOST_TSO4'].filter((name) => offers(view.facts, name));
    const features = all.slice(0, chance(draw, 70) ? 2 : draw.int(2));
    const place = () => pick(draw, [0, 14, 34, 16, 54, 0x7fff, 0xffff]);
    const hdr = {
      is: features.length === 2 ? 'Htso4' : 'H0',
      ...(chance(draw, 50) ? { flags: pick(draw, [0, 1, 2, 4, 0xff]) } : {}),
      ...(chance(draw, 60) ? { gso_type: pick(draw, [0, 1, 3, 4, 5, 0x7f, 0x81]) } : {}),
      ...(chance(draw, 60) ? { gso_size: pick(draw, [0, 1, 1400, 0xffff]) } : {}),
      ...(chance(draw, 40) ? { csum_start: place(), csum_offset: place() } : {}),
      ...(chance(draw, 30) ? { hdr_len: place() } : {}),
    };
    const lay = chance(draw, 25) ? { lay: Array.from({ length: between(draw, 17, 60) }, () => 1) } : {};
    const kind = pick(draw, ['t4', 't4', 't6', 'u4', 'eth'] as const);
    const frame = kind === 'eth' ? { eth: 3000 } : { [kind]: pick(draw, [0, 100, 3000]), sum: 'pseudo' };
    return [
      step('peer', { accept: [] }),
      up(view, draw, { features, size: 64 }),
      step('peer', { forget: true }),
      step('net-tx', { hdr, frame, ...lay, breach: 'a header that makes no sense' }),
      about('INV-PACKETS', step('peer', { 'made-of': { frames: frame } })),
      step('recover'),
    ];
  },
};

/** Packets that end within the header or the Ethernet header, behind a whole one. */
export const shortPacket: Scene = {
  name: 'short-packet',
  breach: true,
  fits: (facts) => facts.type === 'net' && facts.peer?.take === true,
  draw(view, draw) {
    const length = pick(draw, [1, 11, 12, 13, 14, 24, 25, 26, between(draw, 1, 26)]);
    const needs = length > 0 && chance(draw, 30) ? 1 : 0;
    const bytes = Array.from({ length }, (_, i) => (i === 0 ? needs : i < 12 ? 0 : 0xa0 + i));
    const whole = { t4: 100 };
    return [
      step('peer', { accept: [] }),
      up(view, draw, {
        features: needs === 1 && offers(view.facts, 'net.CSUM') ? ['net.CSUM'] : [],
        size: 16,
      }),
      step('peer', { forget: true }),
      step('net-tx', { frame: whole }),
      about('P1.1-027e', step('peer', { expect: whole })),
      step('net-tx', {
        hdr: hex(bytes),
        frame: { raw: '' },
        lay: pick(draw, [[], [1], [4, 4, 4]]),
        breach: 'a packet that is too short',
      }),
      about(
        'INV-PACKETS',
        step('peer', { 'made-of': { frames: { raw: hex(bytes.slice(12)) }, count: { max: 1 } } }),
      ),
      step('recover'),
    ];
  },
};

/** Packets with parts that the device may write, and such parts alone: none of it is sent. */
export const writableTransmit: Scene = {
  name: 'writable-transmit',
  breach: true,
  fits: (facts) => facts.type === 'net' && facts.peer?.take === true,
  draw(view, draw) {
    const [frame, only] = [{ t4: 100 }, fresh(view, 'only')];
    const write = pick(draw, [1, 12, 2000, between(draw, 1, 64)]);
    return [
      step('peer', { accept: [] }),
      up(view, draw, { size: 16 }),
      step('peer', { forget: true }),
      step('net-tx', { frame }),
      about('P1.1-027e', step('peer', { expect: frame })),
      step('net-tx', { frame, write, breach: 'a device-writable part in a transmit buffer' }),
      about('INV-PACKETS', step('peer', { 'made-of': { frames: frame, count: { max: 1 } } })),
      ...(chance(draw, 50)
        ? [
            step('submit', { queue: 'tx', as: only, parts: [{ w: write }], breach: true, kick: 'yes' }),
            step('quiet'),
            about('INV-PACKETS', step('peer', { 'made-of': { frames: frame, count: { max: 0 } } })),
          ]
        : []),
      step('recover'),
    ];
  },
};

/** A frame on the transmit queue of a pair that is not in use. */
export const unusedPair: Scene = {
  name: 'unused-pair',
  breach: true,
  fits: (facts) =>
    control(facts) && offers(facts, 'net.MQ') && (facts.values.max_virtqueue_pairs as number) > 1,
  draw: (view, draw) => [
    up(view, draw, { features: ['net.CTRL_VQ', 'net.MQ'] }),
    step('net-tx', { queue: 3, frame: { t4: 100 }, done: false, breach: 'a queue that is not in use' }),
    step('quiet'),
    step('recover'),
  ],
};
