import { chance } from '../../draw.ts';
import { step } from '../../strategy.ts';
import { can, offers, type Scene, up } from '../scene.ts';
import { disk, fill, verify } from './disk.ts';

/** What is durable survives a power cut; what is not may be lost, and nothing else. */
export const powerCut: Scene = {
  name: 'power-cut',
  weight: 2,
  fits: (facts) => disk(facts) && can(facts, 'power-cut'),
  draw(view, draw) {
    const offered = (name: string) => offers(view.facts, name);
    const flushes = offered('blk.FLUSH') && chance(draw, 60);
    const switched = offered('blk.CONFIG_WCE') && chance(draw, 50);
    const features = [...(flushes ? ['blk.FLUSH'] : []), ...(switched ? ['blk.CONFIG_WCE'] : [])];
    const without = ['blk.FLUSH', 'blk.CONFIG_WCE'].filter((name) => !features.includes(name));
    const through = switched && chance(draw, 60);
    const mode = (on: number) => step('config-write', { field: 'writeback', bytes: `0${on}` });
    // Without a flush only a cache that is off, or none that the driver knows of, makes a write durable.
    const durable = through || (!flushes && !switched);
    const flush = !durable;
    if (flush && !flushes) return [step('reset')];
    const start = draw.int(24);
    const lost = flush && chance(draw, 40) ? [step('blk-fill', { sector: 80, sectors: 8, pattern: 7 })] : [];
    return [
      up(view, draw, { features, without }),
      ...(switched ? [...(chance(draw, 50) ? [mode(1)] : []), mode(through ? 0 : 1)] : []),
      ...(flush && chance(draw, 50) ? [fill(start, draw), step('blk', { op: 'flush' })] : []),
      fill(start, draw),
      ...(flush ? [step('blk', { op: 'flush' })] : []),
      ...((view.facts.values.capacity as number) > 96 ? lost : []),
      step('backend', { 'power-cut': true }),
      up(view, draw, { features, without }),
      verify(start, 'V1.1-5.2.6.2-D9'),
    ];
  },
};
