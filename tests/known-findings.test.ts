import { describe, expect, it } from 'vitest';
import { resultsIn, temporary, vdpaCts } from './command.ts';
import { missing } from './daemon.ts';

/** What a run of `target` finds is what the file of expectations says: nothing new, and nothing that is gone. */
async function expectKnown(target: string, file: string, select: readonly string[]): Promise<void> {
  const out = temporary();
  const args = ['run', '--target', target, '--expect', file, '--out', out, '--quiet'];
  const ran = await vdpaCts(...args, ...select.flatMap((query) => ['--select', query]));
  expect(ran.err).toBe('');
  const { complete, results } = resultsIn(out);
  const other = results.filter(({ verdict }) => !['pass', 'skip', 'xfail'].includes(verdict));
  expect(other.map(({ id, verdict, reason }) => `${verdict} ${id} ${reason ?? ''}`)).toEqual([]);
  expect(results.filter(({ verdict }) => verdict === 'pass').length).toBeGreaterThan(50);
  expect(results.some(({ verdict }) => verdict === 'xfail')).toBe(true);
  expect([complete, ran.code]).toEqual([true, 0]);
}

describe.skipIf(missing('qemu-system-x86_64'))('QEMU does what it is known to do', () => {
  it.each([
    // What asks for gigabytes of entropy takes gigabytes of memory.
    ['qemu:virtio-rng-device', ['!split-breach/huge-lengths', '!start-up/bad-buffer-addresses']],
    ['qemu:virtio-rng-pci,packed=on', ['packed/*', 'packed-breach/*', 'device-status/*']],
    ['qemu:virtio-blk-pci', []],
    ['qemu:virtio-blk-device', ['mmio/*', 'mmio-twins/*', 'split-desc/*', 'device-status/*', 'blk-io/*']],
    ['qemu:virtio-blk-pci,packed=on', ['packed/*', 'packed-breach/table-length', 'device-status/*']],
    ['qemu:virtio-net-pci', ['pci-*', 'net-*', 'features/*']],
    ['qemu:virtio-net-pci,packed=on', ['packed/*', 'packed-breach/*', 'net-rx/*']],
    ['qemu:virtio-net-device', ['mmio/*', 'net-rx/*', 'net-rx-breach/*', 'split-kick/*']],
  ])('as %s %j', { timeout: 600_000 }, async (target, select) => {
    await expectKnown(target, 'devices/qemu/known.yaml', select);
  });
});

describe.skipIf(missing('qemu-storage-daemon'))('qemu-storage-daemon does what it is known to do', () => {
  it('behind vhost-user', { timeout: 600_000 }, async () => {
    await expectKnown('vhost-user:start=qemu-storage-daemon', 'devices/vhost-user/known.yaml', [
      ...['device-status/*', 'features/*', 'config/*', 'split-desc/*', 'split-used/*', 'split-irq/*'],
      ...['blk-io/*', 'blk-config/*', 'blk-writeback/*', 'vdpa-status/*', 'vdpa-reset/*'],
    ]);
  });
});
