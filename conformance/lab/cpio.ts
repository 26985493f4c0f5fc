import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const HEADER = 110;
const pad4 = (n: number) => (4 - (n % 4)) % 4;

/** One member of an archive: `data` is the content of a file or the target of a symbolic link. */
export interface CpioEntry {
  /** Path without a leading slash. */
  name: string;
  /** File type and permission bits as in `st_mode`. */
  mode: number;
  data?: Uint8Array;
  /** Major and minor number of a device node. */
  device?: readonly [number, number];
}

/** Header, name and padding of one member in the "newc" format (Linux, Documentation/driver-api/early-userspace/buffer-format). */
export function cpioHeader({ name, mode, data, device = [0, 0] }: CpioEntry, inode: number): Buffer {
  const path = Buffer.from(`${name}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, data?.length ?? 0, 0, 0, device[0], device[1], path.length, 0];
  const text = `070701${fields.map((n) => n.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([Buffer.from(text), path, Buffer.alloc(pad4(HEADER + path.length))]);
}

/** Every file, folder and symbolic link below `root`, folders before what they hold, in the order of their names. */
export function* entriesBelow(root: string, prefix = ''): Generator<CpioEntry> {
  for (const name of readdirSync(join(root, prefix)).sort()) {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    const stat = lstatSync(join(root, path));
    if (stat.isDirectory()) {
      yield { name: path, mode: stat.mode };
      yield* entriesBelow(root, path);
    } else if (stat.isSymbolicLink()) {
      yield { name: path, mode: stat.mode, data: Buffer.from(readlinkSync(join(root, path))) };
    } else yield { name: path, mode: stat.mode, data: readFileSync(join(root, path)) };
  }
}

/** Write an uncompressed archive that the kernel takes as initramfs. All members belong to root. */
export function writeCpio(file: string, entries: Iterable<CpioEntry>): void {
  const out = openSync(file, 'w');
  try {
    let inode = 1;
    for (const entry of entries) {
      writeSync(out, cpioHeader(entry, inode++));
      const { data } = entry;
      if (data === undefined || data.length === 0) continue;
      for (let at = 0; at < data.length; ) at += writeSync(out, data, at);
      writeSync(out, Buffer.alloc(pad4(data.length)));
    }
    writeSync(out, cpioHeader({ name: 'TRAILER!!!', mode: 0 }, 0));
  } finally {
    closeSync(out);
  }
}
