import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { missing } from './daemon.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** How often something is killed; `tools/kill-at-random.ts` alone does it 100 times. */
const COUNT = process.env.VDPA_CTS_KILLS ?? '4';

describe('kill -9 at a random moment', () => {
  const kinds = [
    ['daemon', 'qemu-storage-daemon'],
    ['qemu', 'qemu-system-x86_64'],
  ] as const;
  for (const [kind, program] of kinds)
    it.skipIf(missing(program))(
      `of ${kind}, of its worker or of the suite leaves no process, no socket and nothing that hangs`,
      () => {
        const { stdout, status } = spawnSync(
          process.execPath,
          ['--import', 'tsx', 'tools/kill-at-random.ts', COUNT, '2', kind],
          { cwd: ROOT, encoding: 'utf8' },
        );
        const { count, killed, left } = JSON.parse(stdout);
        expect(left).toEqual([]);
        expect(killed.device + killed.worker + killed.suite).toBe(count);
        expect(status).toBe(0);
      },
    );
});
