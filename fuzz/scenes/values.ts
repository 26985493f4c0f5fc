import { between, chance, pick } from '../draw.ts';
import { about, type DrawnStep, softly, step } from '../strategy.ts';
import { hex, le32 } from './bytes.ts';
import { can, fresh, offers, type Scene, up } from './scene.ts';

const net = (facts: Parameters<Scene['fits']>[0]) => facts.type === 'net';
const PHASES = ['DRIVER', 'FEATURES_OK', 'QUEUES', 'DRIVER_OK'];

/** Values of a network device that are bounded, and stay whatever is negotiated and done. */
export const netValues: Scene = {
  name: 'net-values',
  weight: 2,
  fits: (facts) => net(facts) && offers(facts, 'net.MTU', 'net.MQ', 'net.MAC'),
  draw(view, draw) {
    const { values, nvqs } = view.facts;
    const [mtu, most] = [fresh(view, 'mtu'), fresh(view, 'pairs')];
    const negotiated = () =>
      ['net.MTU', 'net.MQ', 'net.CTRL_VQ', 'net.STATUS'].filter(() => chance(draw, 50));
    const anew = () => {
      const chosen = negotiated();
      const features = chosen.includes('net.MQ') ? [...new Set([...chosen, 'net.CTRL_VQ'])] : chosen;
      const without = ['net.MTU', 'net.MQ'].filter((name) => !features.includes(name));
      return up(view, draw, {
        to: pick(draw, PHASES),
        features: features.filter((name) => offers(view.facts, name)),
        without,
      });
    };
    const link = view.facts.peer?.link
      ? [step('peer', { link: 'down' }), step('quiet'), step('peer', { link: 'up' })]
      : [];
    const between_ = (): DrawnStep[] =>
      pick(draw, [[anew()], [anew()], [step('reset')], link, [up(view, draw), step('exchange', {})]]);
    const limit = Math.floor(nvqs / 2);
    return [
      anew(),
      about(
        'V1.1-5.1.4.1-D2',
        step('config', { field: 'mtu', min: 68, ...(chance(draw, 30) ? { pieces: 1 } : {}) }),
      ),
      ...((values.mtu as number) >= 68
        ? [softly('V1.1-5.1.4.1-D3', step('config', { field: 'mtu', min: 1280 }))]
        : []),
      about(
        'V1.1-5.1.4.1-D1',
        step('config', { field: 'max_virtqueue_pairs', min: 1, max: Math.min(0x8000, limit) }),
      ),
      step('config', { field: 'mtu', save: mtu }),
      step('config', { field: 'max_virtqueue_pairs', save: most }),
      ...Array.from({ length: between(draw, 1, 3) }, () => [
        ...between_(),
        about('V1.1-5.1.4.1-D4', step('config', { field: 'mtu', same: mtu })),
        about('V1.1-5.1.4.1-D1', step('config', { field: 'max_virtqueue_pairs', same: most })),
      ]).flat(),
    ];
  },
};

const STATUS = { field: 'status' };

/** Carrier and announcements: what the far side does shows in the status field, and is told. */
export const carrier: Scene = {
  name: 'carrier',
  weight: 2,
  fits: (facts) =>
    net(facts) &&
    facts.peer?.link === true &&
    facts.peer.announce &&
    offers(facts, 'net.STATUS', 'net.CTRL_VQ', 'net.GUEST_ANNOUNCE'),
  draw(view, draw) {
    const features = ['net.STATUS', 'net.CTRL_VQ', 'net.GUEST_ANNOUNCE'];
    let [up_, asked] = [1, 0];
    const now = () => about('P1.1-027d', step('config', { ...STATUS, mask: 1, equals: up_ }));
    const bit = (rule: string) => about(rule, step('config', { ...STATUS, mask: 2, equals: asked }));
    const told = (rule: string) => about(rule, step('config-callbacks', { count: { min: 1 } }));
    const act = (): DrawnStep[] => {
      const kind = pick(draw, ['link', 'announce', 'announce', 'ack', 'ack', 'look'] as const);
      const save = fresh(view, 'generation');
      const counted =
        can(view.facts, 'cfg-change') && view.facts.ops.includes('getGeneration') && chance(draw, 60);
      const moved = (rule: string) => (counted ? [about(rule, step('generation', { differs: save }))] : []);
      // A device may move its generation once for all changes since the last read (the note of 4.1.4.3.1).
      const first = [step('config-callbacks', {}), ...(counted ? [now(), step('generation', { save })] : [])];
      if (kind === 'link') {
        up_ = 1 - up_;
        return [
          ...first,
          step('peer', { link: up_ === 1 ? 'up' : 'down' }),
          step('quiet'),
          now(),
          told('P1.1-027d'),
          ...moved('P1.1-019d'),
        ];
      }
      if (kind === 'announce' && asked === 0) {
        asked = 2;
        return [
          ...first,
          step('peer', { announce: true }),
          step('quiet'),
          bit('P1.1-027s'),
          told('P1.1-027s'),
        ];
      }
      if (kind === 'ack') {
        const pending = asked === 2;
        asked = 0;
        const look = { 'at-used': { field: 'status', mask: 3, equals: up_ } };
        const ack = step('net-ctrl', {
          class: 'announce',
          command: 0,
          lay: pick(draw, ['C1', 'C2', 'C3']),
          ack: pending ? 0 : 'any',
          ...look,
        });
        return [about('V1.1-5.1.6.5.4.2-D1', ack), bit('V1.1-5.1.6.5.4.2-D1')];
      }
      return [now(), bit('P1.1-027s')];
    };
    const steps = Array.from({ length: between(draw, 2, 5) }, act).flat();
    // The carrier is the far side's, whatever the driver resets.
    const again = chance(draw, 30) ? [up(view, draw, { features }), now()] : [];
    const restored = () => (up_ === 1 ? [] : [step('peer', { link: 'up' }), step('quiet')]);
    return [up(view, draw, { features, size: 8 }), ...steps, ...again, ...restored()];
  },
};

/** Nobody is asked to announce anything who cannot acknowledge it. */
export const noAnnouncements: Scene = {
  name: 'no-announcements',
  fits: (facts) =>
    net(facts) && facts.peer?.announce === true && offers(facts, 'net.STATUS', 'net.GUEST_ANNOUNCE'),
  draw: (view, draw) => [
    up(view, draw, { features: ['net.STATUS'], without: ['net.GUEST_ANNOUNCE'] }),
    step('peer', { announce: true }),
    step('quiet'),
    softly('P1.1-027s', step('config', { ...STATUS, mask: 2, equals: 0 })),
  ],
};

const SECTOR = 512;

/** Values of a disk that follow from one another, read whole or in parts. */
export const diskValues: Scene = {
  name: 'disk-values',
  fits: (facts) => facts.type === 'blk',
  draw(view, draw) {
    const grows = can(view.facts, 'cfg-change') && chance(draw, 50);
    const bytes = hex(Array.from({ length: 4 }, () => draw.int(256)));
    const high = hex([between(draw, 1, 255)]);
    const large = `${bytes}${high}000000`;
    const capacity = view.facts.values.capacity as number;
    const low = capacity % 0x1_0000_0000;
    const half = (at: number, equals: string | number) =>
      about('V1.1-4.1.3.2-D1', step('config', { at, size: 4, equals }));
    const littleEndian = (n: number) => hex(le32(n));
    const whole = [half(4, littleEndian(Math.floor(capacity / 0x1_0000_0000))), half(0, littleEndian(low))];
    if (!grows || capacity * SECTOR > Number.MAX_SAFE_INTEGER)
      return [up(view, draw, { to: pick(draw, PHASES) }), ...whole];
    const set = (to: string) => step('backend', { 'change-config': { field: 'capacity', bytes: to } });
    const was = littleEndian(low) + littleEndian(Math.floor(capacity / 0x1_0000_0000));
    return [up(view, draw), set(large), half(4, `${high}000000`), half(0, bytes), set(was), ...whole];
  },
};
