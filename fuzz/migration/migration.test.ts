import { afterAll, describe, expect, it } from 'vitest';
import { MIGRATION_DEFECTS } from '../../devices/defects/migration/index.ts';
import { endIdleDaemons } from '../../devices/vduse/kernel/daemon-thread.ts';
import { GuestMemory } from '../../framework/memory/guest-memory.ts';
import { parentSource } from '../../parents.ts';
import { asCase } from '../as-case.ts';
import { shrink } from '../shrink.ts';
import { MigrationCampaign, type MigrationHit } from './campaign.ts';
import { migratable, type Pair, pairOf, pairsOf } from './pairs.ts';

const guest = new GuestMemory(8 << 20);
afterAll(() => {
  guest.dispose();
  endIdleDaemons();
});

/** Sequences that a wrong device may take until it is found. */
const MOST = 400;

/** Run until something is found, or `migrations` were carried out. */
function run(pairs: readonly Pair[], migrations: number, seed = 1): MigrationHit | null {
  const campaign = new MigrationCampaign(pairs, seed, guest);
  while (campaign.migrations < migrations) {
    const hit = campaign.next(campaign.least());
    if (hit !== null) return hit;
  }
  return null;
}

function firstHit(pair: Pair): MigrationHit | null {
  const campaign = new MigrationCampaign([pair], 1, guest);
  for (let n = 0; n < MOST; n++) {
    const hit = campaign.next(0);
    if (hit !== null) return hit;
  }
  return null;
}

describe('migrations under traffic', () => {
  it('are judged on every parent in process', () => {
    expect(migratable(parentSource)).toEqual(
      expect.arrayContaining([
        'simulator-net',
        'simulator-blk',
        'ifcvf-net',
        'ifcvf-blk',
        'vduse-blk',
        'virtio-pci-net',
      ]),
    );
  });

  it('lose, double and disturb nothing on right devices, over all ordered pairs', {
    timeout: 120_000,
  }, async () => {
    const pairs = await pairsOf(migratable(parentSource), parentSource);
    const hit = run(pairs, 5 * pairs.length);
    expect(hit && asCase(hit.sequence, hit.executed.finding, hit.bucket, hit.pair.facts.type)).toBeNull();
  });

  it.each(MIGRATION_DEFECTS.map((defect) => [defect.id, defect] as const))(
    'find %s',
    {
      timeout: 60_000,
    },
    async (id, { parents }) => {
      const wrong = `${parents[0]}+${id}`;
      const found = firstHit(await pairOf(wrong, wrong, parentSource));
      const other = parents.length > 1 ? `${parents[1]}+${id}` : wrong;
      const hit = found ?? firstHit(await pairOf(other, other, parentSource));
      expect(hit).not.toBeNull();
    },
  );

  it('shrink to a few steps that show the same on their own', { timeout: 60_000 }, async () => {
    const wrong = 'simulator-blk+migration/position-one-ahead';
    const pair = await pairOf(wrong, wrong, parentSource);
    const { sequence, executed } = firstHit(pair)!;
    const shrunk = shrink(sequence, executed.finding, { target: pair.from, facts: pair.facts, guest }, null);
    expect(shrunk.sequence.steps.length).toBeLessThanOrEqual(6);
    expect(shrunk.finding.requirement).toBe(executed.finding.requirement);
  });

  it('are the same for the same seed', async () => {
    const pairs = [await pairOf('simulator-net', 'ifcvf-net', parentSource)];
    const figures = [1, 2].map(() => {
      const campaign = new MigrationCampaign(pairs, 5, guest);
      for (let n = 0; n < 10; n++) campaign.next(0);
      return campaign.figures;
    });
    expect(figures[0]).toEqual(figures[1]);
  });
});
