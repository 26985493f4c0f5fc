import { type IotlbEntry, PERM } from '../../../framework/device.ts';
import {
  ACCESS_MODE,
  CONTEXT_AT,
  KLM_SIZE,
  LIST_AT,
  MKC,
  MKC_LEN_AT,
  MKC_START_AT,
  MKEY_OCTWORDS,
} from '../prm/commands.ts';
import { DWORD, put64, putField } from '../prm/fields.ts';
import type { Mlx5Commands } from './commands.ts';

const PAGE = 4096;
/** Longest stretch of a direct key and of a hole. */
const STRETCH = 2 ** 30;
const NO_QP = 0xff_ffff;

/** Adjacent mappings of equal permission, in order. */
interface Run {
  readonly iova: number;
  size: number;
  readonly perm: number;
  readonly pieces: IotlbEntry[];
}

/**
 * A translation table as memory keys: a direct key over the pages of each run of adjacent mappings, and an
 * indirect key that puts them, and the null key for the holes between, one behind the other.
 */
export class MemoryRegion {
  readonly #commands: Mlx5Commands;
  readonly #direct: number[] = [];
  #indirect = -1;
  /** The number by which queues name the indirect key. */
  key = 0;
  /** Queue objects that use it. */
  users = 0;
  /** Destroy it when its last user goes. */
  retired = false;

  /** Make the keys for `table`, which is in order of addresses and not empty. @throws CommandFailed, and nothing is left */
  constructor(commands: Mlx5Commands, pd: number, nullKey: number, table: readonly IotlbEntry[]) {
    this.#commands = commands;
    try {
      this.#build(pd, nullKey, runsOf(table));
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  #build(pd: number, nullKey: number, runs: readonly Run[]): void {
    const list: [size: number, key: number][] = [];
    let end = runs[0].iova;
    for (const run of runs) {
      for (; end < run.iova; end += list.at(-1)![0]) list.push([Math.min(STRETCH, run.iova - end), nullKey]);
      const id = this.#createDirect(pd, run);
      this.#direct.push(id);
      list.push([run.size, id * 0x100]);
      end += run.size;
    }
    const start = runs[0].iova;
    this.#indirect = this.#create(pd, list.length, ACCESS_MODE.KLMS, start, end - start, (input) => {
      putField(input, CONTEXT_AT.mkey, MKC.lr, 1);
      putField(input, CONTEXT_AT.mkey, MKC.lw, 1);
      list.forEach(([size, key], i) => {
        putField(input, LIST_AT.mkey + i * KLM_SIZE, DWORD, size);
        putField(input, LIST_AT.mkey + i * KLM_SIZE + 4, DWORD, key);
      });
    });
    this.key = this.#indirect * 0x100;
  }

  /** Pages as large as all pieces but the last allow. */
  #createDirect(pd: number, { size, perm, pieces }: Run): number {
    let log = Math.ceil(Math.log2(size));
    for (const piece of pieces.slice(0, -1)) while (piece.size % 2 ** log !== 0) log--;
    const page = 2 ** log;
    const pages = pieces.flatMap((piece) =>
      Array.from({ length: Math.ceil(piece.size / page) }, (_, i) => piece.addr + i * page),
    );
    return this.#create(pd, Math.ceil(pages.length / 2), ACCESS_MODE.MTT, 0, size, (input) => {
      putField(input, CONTEXT_AT.mkey, MKC.lr, perm & PERM.RO ? 1 : 0);
      putField(input, CONTEXT_AT.mkey, MKC.lw, perm & PERM.WO ? 1 : 0);
      putField(input, CONTEXT_AT.mkey, MKC.log_page_size, log);
      for (const [i, addr] of pages.entries()) put64(input, LIST_AT.mkey + i * 8, addr);
    });
  }

  #create(
    pd: number,
    octwords: number,
    mode: number,
    start: number,
    length: number,
    fill: (input: Uint8Array) => void,
  ): number {
    const at = CONTEXT_AT.mkey;
    return this.#commands.create('CREATE_MKEY', LIST_AT.mkey + octwords * 16, (input) => {
      putField(input, at, MKC.access_mode_1_0, mode);
      putField(input, at, MKC.qpn, NO_QP);
      putField(input, at, MKC.pd, pd);
      put64(input, at + MKC_START_AT, start);
      put64(input, at + MKC_LEN_AT, length);
      putField(input, at, MKC.translations_octword_size, octwords);
      putField(input, 0, MKEY_OCTWORDS, octwords);
      fill(input);
    });
  }

  /** The last user may have gone, or it is not wanted any more. */
  settle(): void {
    if (this.retired && this.users === 0) this.destroy();
  }

  destroy(): void {
    if (this.#indirect >= 0) this.#commands.destroy('DESTROY_MKEY', this.#indirect);
    this.#indirect = -1;
    for (const id of this.#direct.splice(0)) this.#commands.destroy('DESTROY_MKEY', id);
  }
}

/**
 * Adjacent mappings of equal permission as runs, none longer than a stretch. A run ends where a piece is no whole
 * number of pages, because the next one could not begin on a page then.
 */
function runsOf(table: readonly IotlbEntry[]): Run[] {
  const runs: Run[] = [];
  for (const whole of table) {
    for (let done = 0; done < whole.size; done += STRETCH) {
      const size = Math.min(STRETCH, whole.size - done);
      const piece = { ...whole, iova: whole.iova + done, addr: whole.addr + done, size };
      const last = runs.at(-1);
      const goesOn =
        last !== undefined &&
        last.perm === piece.perm &&
        last.iova + last.size === piece.iova &&
        last.size % PAGE === 0 &&
        last.size + size <= STRETCH;
      if (goesOn) {
        last.pieces.push(piece);
        last.size += size;
      } else runs.push({ iova: piece.iova, size, perm: piece.perm, pieces: [piece] });
    }
  }
  return runs;
}
