import { between, chance, pick } from '../draw.ts';
import { about, softly, step } from '../strategy.ts';
import { can, direction, fresh, offers, queueFor, type Scene, up } from './scene.ts';

const everywhere = () => true;

/** What a used element says about its buffer: the length to the byte, and whether anything was written. */
export const usedElements: Scene = {
  name: 'used-elements',
  fits: everywhere,
  draw(view, draw) {
    const packed = offers(view.facts, 'RING_PACKED') && chance(draw, 60);
    const indirect = offers(view.facts, 'INDIRECT_DESC') && chance(draw, 40);
    const features = [...(packed ? ['RING_PACKED'] : []), ...(indirect ? ['INDIRECT_DESC'] : [])];
    const steps = Array.from({ length: between(draw, 1, 3) }, () => {
      const dir = direction(view, draw);
      const as = fresh(view, 'element');
      const written = dir === 'in' || view.facts.type === 'blk';
      return [
        step('request', { dir, as, list: between(draw, 2, 3), ...(indirect ? { indirect } : {}) }),
        step('quiet'),
        softly(packed ? 'P1.1-006' : 'P1.1-016', step('done', { as, len: 'exact' })),
        ...(packed ? [about('P1.1-005', step('used', { as, 'write-flag': written }))] : []),
      ];
    });
    return [up(view, draw, { features, without: packed ? [] : ['RING_PACKED'], size: 8 }), ...steps.flat()];
  },
};

/** Memory that the device may write and not read serves as the writable part of a buffer. */
export const writeOnlyMemory: Scene = {
  name: 'write-only-memory',
  fits: (facts) => can(facts, 'perm-map') && (facts.type === 'blk' || facts.peer?.send === true),
  draw(view, draw) {
    const [page, as] = [fresh(view, 'target'), fresh(view, 'store')];
    const blk = view.facts.type === 'blk';
    const parts = blk
      ? [{ r: '0000000000000000 0000000000000000' }, { w: 512, in: page }, { w: 1 }]
      : [{ w: pick(draw, [256, 2048]), in: page }];
    const packed = offers(view.facts, 'RING_PACKED') && chance(draw, 50);
    return [
      up(view, draw, packed ? { features: ['RING_PACKED'] } : { without: ['RING_PACKED'] }),
      step('memory', { as: page, size: 4096, perm: 'wo' }),
      step('submit', { queue: 'rx', as, parts, kick: 'yes' }),
      ...(blk ? [] : [step('peer', { send: { r4: 100 } })]),
      step('quiet'),
      softly(packed ? 'V1.1-2.7.15-D1b' : 'V1.1-2.6.5.1-D1b', step('used', { as })),
    ];
  },
};

/** Flags that mean nothing in a table of a packed ring. */
export const flagsInTable: Scene = {
  name: 'flags-in-table',
  breach: true,
  fits: (facts) => offers(facts, 'RING_PACKED', 'INDIRECT_DESC'),
  draw(view, draw) {
    const dir = direction(view, draw);
    const as = fresh(view, 'flagged');
    const set = pick(draw, [0x0001, 0x0004, 0x0080, 0x8000, 0x7f78, 0xfffd]);
    const entries = between(draw, 1, 3);
    return [
      up(view, draw, { features: ['RING_PACKED', 'INDIRECT_DESC'], size: 8 }),
      step('request', { dir, as, list: 3, indirect: true, publish: false }),
      ...Array.from({ length: entries }, (_, entry) => step('table-flags', { as, entry, set })),
      step('publish', { queue: queueFor(dir), kick: 'yes' }),
      step('quiet'),
      softly('P1.1-009', step('done', { as })),
      step('recover'),
    ];
  },
};

/** Elements in an order that the driver must not choose: writable ones first or in between. */
export const elementsOutOfOrder: Scene = {
  name: 'elements-out-of-order',
  breach: true,
  fits: everywhere,
  draw(view, draw) {
    const blk = view.facts.type === 'blk';
    const read = () => ({ r: { pattern: draw.int(1000), size: pick(draw, [16, 60, 512]) } });
    const head = { r: `0${draw.int(2)}00000000000000 0800000000000000` };
    const write = () => ({ w: pick(draw, [1, 16, 512]) });
    const parts = pick(draw, [
      [write(), head, read()],
      [head, write(), read(), write()],
      [write(), write(), head],
      [head, read()],
      [write(), read()],
    ]);
    const indirect = offers(view.facts, 'INDIRECT_DESC') && chance(draw, 40);
    return [
      up(view, draw, { size: 8, features: indirect ? ['INDIRECT_DESC'] : [] }),
      step('submit', {
        queue: blk ? 'tx' : pick(draw, ['tx', 'rx']),
        as: fresh(view, 'order'),
        parts,
        breach: true,
        kick: 'yes',
        ...(indirect ? { indirect } : {}),
      }),
      ...(blk || view.facts.peer?.send !== true ? [] : [step('peer', { send: { r4: 400 } })]),
      step('quiet'),
      step('recover'),
    ];
  },
};
