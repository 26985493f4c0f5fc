import { describe, expect, it } from 'vitest';
import { compareDrivers } from './compare-drivers.ts';

/** Every case, two instances each; `tools/compare-drivers.ts` runs them all. */
describe('the catalogue through vhost-vdpa', () => {
  it.each(['simulator-net', 'simulator-blk', 'simulator-blk:dma=set'])(
    'gives the verdicts of virtio-vdpa on %s',
    { timeout: 300_000 },
    async (spec) => {
      const { same, refused, different } = await compareDrivers(spec, undefined, 2);
      expect(different).toEqual([]);
      expect(same.pass).toBeGreaterThan(300);
      const kept = Object.values(refused).reduce((sum, n) => sum + n, 0);
      expect(kept).toBeLessThan(same.pass / 4);
    },
  );

  it.each(['virtio-mmio-blk', 'virtio-pci-blk'])(
    'gives the verdicts of virtio-vdpa where cases reach for the registers of %s',
    { timeout: 300_000 },
    async (spec) => {
      const { same, different } = await compareDrivers(spec, (id) => /^(mmio|pci)/.test(id));
      expect(different).toEqual([]);
      expect(same.pass).toBeGreaterThan(20);
    },
  );

  it('finds what virtio-vdpa finds on wrong devices', { timeout: 300_000 }, async () => {
    for (const spec of ['simulator-blk+core/reset-keeps-failed', 'simulator-net+vdpa/groups-survive-reset']) {
      const area = (id: string) => id.startsWith('device-status/') || id.startsWith('vdpa-');
      const { same, different } = await compareDrivers(spec, area, 2);
      expect(different).toEqual([]);
      expect(same.fail).toBeGreaterThan(0);
    }
  });
});
