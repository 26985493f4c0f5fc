import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheFolder, sweep, temporaryFolder } from './cache.ts';
import { headline, lastLines, sinceLastCase } from './console-log.ts';
import { cpioHeader, entriesBelow, writeCpio } from './cpio.ts';
import { guestTarget, jobScript, LAB_DEVICES } from './devices.ts';
import { parseLdd } from './guest-files.ts';
import { LabError } from './lab-error.ts';
import { kbuild, MODULES } from './modules.ts';
import { parseCandidate, parseDepends } from './packages.ts';
import { requireTools, run } from './tools.ts';
import { payloadOf } from './vmlinux.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lab-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('packages', () => {
  it('are found in what apt says', () => {
    const text =
      'linux-headers-6.1.0-56-amd64\n  Depends: linux-headers-6.1.0-56-common\n |Depends: <virtual>\n  Suggests: x\n';
    expect(parseDepends(text)).toEqual(['linux-headers-6.1.0-56-common', 'virtual']);
    expect(parseCandidate('p:\n  Installed: (none)\n  Candidate: 6.1.192-2\n')).toBe('6.1.192-2');
    expect(parseCandidate('p:\n  Candidate: (none)\n')).toBeNull();
  });

  it('tell which programs are missing and where to get them', () => {
    expect(() =>
      requireTools({ 'no-such-tool': 'one-package', 'nor-this': 'one-package', sh: 'dash' }),
    ).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('no-such-tool, nor-this'),
        hint: 'apt-get install one-package',
      }),
    );
  });

  it('that fail to install say so with the last lines', async () => {
    const failing = run('sh', ['-c', 'echo out of luck >&2; exit 3']);
    await expect(failing).rejects.toThrow(LabError);
    await expect(failing).rejects.toThrow('sh failed with code 3:\n    out of luck');
    await expect(run('sh', ['-c', 'sleep 20'], { limit: 50 })).rejects.toThrow('took longer than');
    expect(await run('echo', ['fine'])).toBe('fine\n');
  });
});

describe('modules', () => {
  it('are linked from objects whose names never clash with their own', () => {
    const text = kbuild(MODULES);
    expect(text).toContain('obj-m += vhost_vdpa.o\nvhost_vdpa-y := vhost/vdpa.o');
    expect(text).toContain('vdpa-y := vdpa/vdpa_main.o');
    expect(text).toContain('vduse-y := vdpa/vdpa_user/vduse_dev.o vdpa/vdpa_user/iova_domain.o');
    for (const [, module, objects] of text.matchAll(/^(\w+)-y := (.*)$/gm))
      for (const object of objects.split(' ')) expect(object.split('/').at(-1)).not.toBe(`${module}.o`);
  });
});

describe('the initramfs', () => {
  it('has headers of 110 bytes in hexadecimal, padded to four', () => {
    const header = cpioHeader({ name: 'dev/console', mode: 0o020600, device: [5, 1] }, 7);
    expect(header.length % 4).toBe(0);
    expect(header.toString('latin1', 0, 14)).toBe('07070100000007');
    expect(header.toString('latin1', 14, 22)).toBe('00002180');
    expect(header.toString('latin1', 78, 94)).toBe('0000000500000001');
    expect(header.toString('latin1', 110, 122)).toBe('dev/console\0');
  });

  it('holds folders before their files and ends with its trailer', () => {
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    writeFileSync(join(folder, 'a/b/file'), 'hello');
    const entries = [...entriesBelow(folder)];
    expect(entries.map(({ name }) => name)).toEqual(['a', 'a/b', 'a/b/file']);
    const archive = join(folder, 'archive');
    writeCpio(archive, entries);
    const bytes = readFileSync(archive);
    expect(bytes.length % 4).toBe(0);
    expect(bytes.includes('hello\0\0\0')).toBe(true);
    expect(bytes.includes('TRAILER!!!')).toBe(true);
  });
});

describe('the kernel image', () => {
  it('is cut out of a bzImage by its header', () => {
    const image = Buffer.alloc(4096);
    image[0x1f1] = 1;
    image.write('HdrS', 0x202);
    image.writeUInt32LE(0x10, 0x248);
    image.writeUInt32LE(12, 0x24c);
    image.write('compress', 1024 + 0x10);
    expect(payloadOf(image).toString()).toBe('compress');
    expect(() => payloadOf(Buffer.alloc(4096))).toThrow('not a bzImage');
  });

  it('comes with the libraries that its programs name', () => {
    const text =
      '\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x7f)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f)\n';
    expect(parseLdd(text)).toEqual(['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/ld-linux-x86-64.so.2']);
  });
});

describe('the console', () => {
  const oops = [
    '[    9.1] lab: case 3 a/b',
    '[    9.2] nothing special',
    '[   10.1] lab: case 4 c/d:ring=split',
    '[   10.2] BUG: kernel NULL pointer dereference, address: 0000000000000008',
    '[   10.2] RIP: 0010:vdpasim_kick_vq+0x1a/0x40 [vdpa_sim]',
    '[   10.3] Kernel panic - not syncing: Fatal exception',
  ].join('\r\n');

  it('of the last case tells what happened to the kernel', () => {
    expect(headline(oops)).toBe(
      'BUG: kernel NULL pointer dereference, address: 0000000000000008, at vdpasim_kick_vq+0x1a/0x40 [vdpa_sim]',
    );
    expect(sinceLastCase(oops)).toContain('case 4');
    expect(sinceLastCase(oops)).not.toContain('special');
    const survived = oops.replace(/.*Kernel panic.*/, '');
    expect(headline(`${survived}\n[  11.0] lab: case 5 e/f\n`)).toBeNull();
    // One processor panics, the other one goes on for a moment.
    expect(headline(`${oops}\n[  11.0] lab: case 5 e/f\n`)).toBe(headline(oops));
    expect(lastLines(oops, 1)).toBe('Kernel panic - not syncing: Fatal exception');
  });
});

describe('devices', () => {
  it.each(Object.entries(LAB_DEVICES))('%s is made before the agent runs', (_, device) => {
    const lines = jobScript(device).trim().split('\n');
    expect(lines.at(-1)).toContain('lab-agent.js');
    for (const name of device.modules)
      expect(lines.some((line) => line.startsWith(`modprobe ${name} `))).toBe(true);
    expect(guestTarget(device)).toMatch(/^(?:vhost-vdpa:\/dev\/vhost-vdpa-0|kernel-management$)/);
  });
});

describe('the cache', () => {
  it('lies where the user says, or where XDG says', () => {
    expect(cacheFolder('/tmp/x')).toBe('/tmp/x/lab');
    expect(cacheFolder()).toMatch(/vdpa-cts\/lab$/);
  });

  it('is rid of what killed runs left, and of nothing else', () => {
    const mine = temporaryFolder(folder, 'run', 1);
    for (const name of ['run-999999999-2', 'build-999999999', 'guest']) mkdirSync(join(folder, name));
    sweep(folder);
    expect(existsSync(mine)).toBe(true);
    expect(existsSync(join(folder, 'guest'))).toBe(true);
    expect(existsSync(join(folder, 'run-999999999-2'))).toBe(false);
    expect(existsSync(join(folder, 'build-999999999'))).toBe(false);
  });
});
