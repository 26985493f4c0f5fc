import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openCatalogue } from '../conformance/commands/catalogue.ts';
import { instancesOf } from '../conformance/loader/expand.ts';
import { deviceFacts } from '../conformance/runner/device-facts.ts';
import { runInstance } from '../conformance/runner/run-instance.ts';
import { resolveTarget } from '../conformance/runner/targets.ts';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import { parentSource } from '../parents.ts';
import { type Daemon, missing, storageDaemon, testpmd } from './daemon.ts';

const { cases } = openCatalogue(undefined);

/** Run one instance of each case that `wanted` selects. */
async function run(spec: string, wanted: RegExp, most = 1) {
  const target = await resolveTarget(spec, parentSource);
  const facts = deviceFacts(target.definition, target.options);
  const guest = new GuestMemory(8 << 20);
  const verdicts: Record<string, string[]> = {};
  const reasons: string[] = [];
  try {
    for (const definition of cases.filter(({ id }) => wanted.test(id))) {
      let count = 0;
      for (const instance of instancesOf(definition, facts.values)) {
        const { verdict, reason, findings } = runInstance(instance, target, facts, guest);
        verdicts[verdict] = [...(verdicts[verdict] ?? []), instance.id];
        if (!['pass', 'skip'].includes(verdict))
          reasons.push(`${instance.id}: ${verdict} ${reason ?? JSON.stringify(findings[0])}`);
        if (verdict !== 'skip' && ++count >= most) break;
      }
    }
  } finally {
    guest.dispose();
  }
  return { facts, verdicts, reasons };
}

/** Kill `daemon` under a running session: that case is a crash, the next ones are blocked. */
async function expectDeath(daemon: Daemon, spec: string): Promise<void> {
  const target = await resolveTarget(spec, parentSource);
  const facts = deviceFacts(target.definition, target.options);
  const guest = new GuestMemory(8 << 20);
  const [instance] = cases
    .filter(({ id }) => id === 'vdpa-reset/is-idempotent')
    .flatMap((definition) => instancesOf(definition, facts.values));
  const { definition } = target;
  const dying = {
    ...target,
    definition: {
      ...definition,
      create: (environment: Parameters<typeof definition.create>[0]) => {
        const made = definition.create(environment);
        daemon.child.kill();
        daemon.child.wait(10_000);
        return made;
      },
    },
  };
  expect(runInstance(instance, dying, facts, guest).verdict).toBe('crash');
  const after = runInstance(instance, target, facts, guest);
  expect(after.verdict).toBe('blocked');
  expect(after.findings[0].actual).toMatch(/nobody answers/);
  guest.dispose();
}

const withDaemon = (start: () => Daemon, test: (daemon: Daemon) => Promise<void>) => async () => {
  const daemon = start();
  try {
    await test(daemon);
  } finally {
    daemon.dispose();
  }
};

describe('the target', () => {
  it('names its socket, first or as an option, and says what is missing', async () => {
    await expect(resolveTarget('vhost-user', parentSource)).rejects.toThrow(/needs a socket/);
    await expect(resolveTarget('vhost-user:/nowhere,type=gpu', parentSource)).rejects.toThrow(/neither/);
    await expect(resolveTarget('vhost-user:/nowhere,type=blk,size=3', parentSource)).rejects.toThrow(
      /no option size/,
    );
    for (const spec of ['vhost-user:/a/b,type=net', 'vhost-user:socket=/a/b,type=net']) {
      const { definition } = await resolveTarget(spec, parentSource);
      expect([definition.deviceType, definition.description]).toEqual([
        'net',
        'a vhost-user net back end at /a/b',
      ]);
    }
  });

  it('tells when nobody listens', async () => {
    const target = await resolveTarget('vhost-user:/nowhere/s,type=blk', parentSource);
    expect(() => deviceFacts(target.definition, target.options)).toThrow(
      /nobody answers at \/nowhere\/s.*ENOENT/,
    );
  });
});

describe.skipIf(missing('qemu-storage-daemon'))('qemu-storage-daemon', () => {
  it(
    'serves split rings, and nothing stays open here',
    withDaemon(storageDaemon, async (daemon) => {
      const { facts, verdicts, reasons } = await run(
        `vhost-user:${daemon.socket}`,
        /^(?:device-status|split-layout|split-used|split-irq|blk-read|blk-request|vdpa-reset)/,
      );
      expect(facts).toMatchObject({ type: 'blk', nvqs: 2, values: { capacity: (16 << 20) / 512 } });
      expect(reasons).toEqual([]);
      expect(verdicts.pass.length).toBeGreaterThan(20);
      const open = () => readdirSync('/proc/self/fd').length;
      const before = open();
      await run(`vhost-user:${daemon.socket}`, /^split-layout/);
      expect(open()).toBeLessThan(before + 5);
    }),
  );

  it(
    'is found wrong where it is: tables behind other descriptors, writeback without FLUSH',
    withDaemon(storageDaemon, async (daemon) => {
      const { verdicts } = await run(
        `vhost-user:${daemon.socket},type=blk`,
        /^(?:split-desc\/direct-then-indirect|blk-writeback\/zero-without-flush)$/,
        20,
      );
      expect(verdicts.fail.some((id) => id.startsWith('split-desc'))).toBe(true);
      expect(verdicts.fail.some((id) => id.startsWith('blk-writeback'))).toBe(true);
    }),
  );

  it(
    'gives a session up over nonsense, which is no crash; when it is killed, that is one',
    withDaemon(storageDaemon, async (daemon) => {
      const spec = `vhost-user:${daemon.socket},type=blk`;
      const { reasons, verdicts } = await run(spec, /^start-up\/(?:bad-|malformed)/);
      expect(reasons).toEqual([]);
      expect(verdicts.pass.length).toBeGreaterThan(1);
      await expectDeath(daemon, spec);
    }),
  );
});

describe.skipIf(missing('dpdk-testpmd'))('dpdk-testpmd', () => {
  it(
    'serves split and packed rings',
    withDaemon(testpmd, async (daemon) => {
      const { facts, verdicts, reasons } = await run(
        `vhost-user:${daemon.socket}`,
        /^(?:device-status|features|vdpa-reset|split-kick|packed)/,
        4,
      );
      expect(facts.type).toBe('net');
      expect(reasons).toEqual([]);
      for (const ring of ['split', 'packed'])
        expect(verdicts.pass.some((id) => id.includes(`ring=${ring}`))).toBe(true);
    }),
  );
});
