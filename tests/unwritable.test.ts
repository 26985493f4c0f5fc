import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporary, vdpaCts } from './command.ts';

/** A place below a file: nobody can write there, root neither. */
function below(): string {
  const file = join(temporary(), 'file');
  writeFileSync(file, '');
  return join(file, 'out');
}

describe('a place that cannot be written', () => {
  it('is told before anything is proved', async () => {
    const { code, err } = await vdpaCts(
      'prove',
      '--select',
      'split/id-of-slot',
      '--out',
      join(below(), 'p.json'),
    );
    expect(code).toBe(2);
    expect(err).toMatch(/nothing can be written to .*p\.json: ENOTDIR/);
    expect(err).toContain('hint: name another file with --out');
  });

  it('takes nothing from what was proved until then', async () => {
    const folder = temporary();
    const about = ['prove', '--select', 'split/id-of-slot', '--no-fuzz', '-j', '1', '--out', folder];
    const { code, out, err } = await vdpaCts(...about);
    expect(code).toBe(0);
    expect(out).toContain('split/id-of-slot');
    expect(err).toMatch(/warning: nothing could be kept in .*: EISDIR/);
  });

  it('does not stop a campaign: what it finds is printed, corpus or not', async () => {
    const about = ['fuzz', '-t', 'simulator-blk+split/id-of-slot', '-j', '1', '--runs', '300'];
    const { code, out, err } = await vdpaCts(...about, '--out', below(), '--corpus', below());
    expect(code).toBe(1);
    expect(out).toMatch(/FOUND .* in sequence \d+, shrunk from \d+ to \d+ steps/);
    expect(err).toContain('the case is printed instead');
    expect(err).toContain('the corpus cannot be written');
  });
});
