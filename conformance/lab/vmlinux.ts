import { spawnSync } from 'node:child_process';
import { LabError } from './lab-error.ts';

/** Offsets in the x86 setup header (Linux, Documentation/x86/boot.rst). */
const SETUP_SECTS = 0x1f1;
const MAGIC = 0x202;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;

/** Where the compressed kernel lies in a bzImage: its bytes without the size that the build appends (4 bytes). */
export function payloadOf(image: Buffer): Buffer {
  if (image.length < 0x260 || image.toString('latin1', MAGIC, MAGIC + 4) !== 'HdrS')
    throw new LabError('the kernel image is not a bzImage', 'remove the cache with `vdpa-cts lab clean`');
  const sectors = image[SETUP_SECTS] || 4;
  const start = (sectors + 1) * 512 + image.readUInt32LE(PAYLOAD_OFFSET);
  const length = image.readUInt32LE(PAYLOAD_LENGTH);
  return image.subarray(start, start + length - 4);
}

/** Programs that undo what kernels are compressed with, by the first bytes. */
const FORMATS: readonly [magic: string, program: string, apt: string][] = [
  ['fd377a585a00', 'xz', 'xz-utils'],
  ['1f8b', 'gzip', 'gzip'],
  ['28b52ffd', 'zstd', 'zstd'],
];

/**
 * The ELF image inside a bzImage. QEMU starts it by its PVH note, and the guest is spared the decompression,
 * which is slow under emulation.
 */
export function extractVmlinux(image: Buffer): Buffer {
  const payload = payloadOf(image);
  const [, program, apt] =
    FORMATS.find(([magic]) => payload.toString('hex', 0, magic.length / 2) === magic) ?? [];
  if (program === undefined)
    throw new LabError('the kernel is compressed in a way that the lab does not know', 'report it');
  const { stdout, error, stderr } = spawnSync(program, ['-dc'], { input: payload, maxBuffer: 1 << 30 });
  if (error !== undefined)
    throw new LabError(`${program} cannot be started: ${error.message}`, `apt-get install ${apt}`);
  if (stdout.toString('latin1', 1, 4) !== 'ELF')
    throw new LabError(
      `the kernel does not unpack: ${stderr.toString().trim()}`,
      'remove the cache with `vdpa-cts lab clean`',
    );
  return stdout;
}
