import { type IotlbEntry, PERM, type Perm } from '../../../framework/device.ts';
import { Iotlb } from '../../../framework/memory/iotlb.ts';
import {
  ACCESS_MODE,
  ANSWER,
  CONTEXT_AT,
  HEADER,
  KLM_SIZE,
  LIST_AT,
  MKC,
  MKC_LEN_AT,
  MKC_START_AT,
  MKEY_OCTWORDS,
  NULL_MKEY,
} from '../prm/commands.ts';
import { DWORD, get64, getField, putField } from '../prm/fields.ts';
import { demand } from './failure.ts';
import type { Command, Firmware } from './firmware.ts';
import { FirmwareObject, ObjectTable } from './objects.ts';

/** Key that leads nowhere: every access through it is refused. */
const NULL_KEY = 0xff;
const FIRST_INDEX = 0x100;
const EXACT = 2 ** 52;

/** A memory key: what an access through it reaches, as a table from its own addresses to physical ones. */
export class MemoryKey extends FirmwareObject {
  /** `index << 8 | variant`, as queues and other keys name it. */
  readonly key: number;
  readonly entries: readonly IotlbEntry[];
  #table: Iotlb | null = null;

  constructor(index: number, uid: number, variant: number, entries: readonly IotlbEntry[]) {
    super(index, uid);
    this.key = index * 0x100 + variant;
    this.entries = entries;
  }

  /** The table for queues that use the key. */
  get table(): Iotlb {
    if (this.#table === null) {
      this.#table = new Iotlb();
      for (const entry of this.entries) this.#table.map(entry);
    }
    return this.#table;
  }
}

/** Memory keys: direct ones over pages, indirect ones over other keys. */
export class MemoryKeys {
  readonly keys = new ObjectTable<MemoryKey>(FIRST_INDEX);
  /** What queues reach with the null key. */
  readonly nowhere = new Iotlb();

  /** The key of that number; null for the null key. Refused when it does not exist, or is not of `uid`. */
  byNumber(key: number, uid: number): MemoryKey | null {
    if (key === NULL_KEY) return null;
    const object = this.keys.get(Math.floor(key / 0x100), uid);
    demand(object.key === key, 'noSuchObject');
    return object;
  }
}

export function createMemoryKey(firmware: Firmware, { input, output, uid }: Command): void {
  const mkc = CONTEXT_AT.mkey;
  const mode = (getField(input, mkc, MKC.access_mode_4_2) << 2) | getField(input, mkc, MKC.access_mode_1_0);
  const pd = firmware.protectionDomains.get(getField(input, mkc, MKC.pd), uid);
  demand(mode === ACCESS_MODE.MTT || mode === ACCESS_MODE.KLMS, 'keyMode');
  const octwords = getField(input, 0, MKEY_OCTWORDS);
  demand(LIST_AT.mkey + octwords * 16 <= input.length, 'keyList');
  const start = get64(input, mkc + MKC_START_AT);
  const length = get64(input, mkc + MKC_LEN_AT);
  demand(start + length <= EXACT && length > 0, 'keyLength');
  const needs: FirmwareObject[] = [pd];
  const entries =
    mode === ACCESS_MODE.MTT
      ? pagesOf(input, octwords, start, length)
      : partsOf(firmware, input, octwords, start, length, uid, needs);
  const variant = getField(input, mkc, MKC.mkey_7_0);
  const made = firmware.memoryKeys.keys.add((index) => new MemoryKey(index, uid, variant, entries));
  made.need(needs);
  putField(output, 0, ANSWER.number, made.id);
}

/** A direct key: pages of one size, by physical address. */
function pagesOf(input: Uint8Array, octwords: number, start: number, length: number): IotlbEntry[] {
  const mkc = CONTEXT_AT.mkey;
  const page = 2 ** getField(input, mkc, MKC.log_page_size);
  const perm = getField(input, mkc, MKC.lr) * PERM.RO + getField(input, mkc, MKC.lw) * PERM.WO;
  const count = Math.ceil(length / page);
  demand(count <= octwords * 2, 'keyList');
  const entries: IotlbEntry[] = [];
  for (let i = 0; i < count && perm !== 0; i++) {
    const iova = start + i * page;
    const addr = get64(input, LIST_AT.mkey + i * 8);
    append(entries, { iova, size: Math.min(page, length - i * page), addr, perm: perm as Perm });
  }
  return entries;
}

/** An indirect key: stretches of other keys, one behind the other; the null key makes a hole. */
function partsOf(
  firmware: Firmware,
  input: Uint8Array,
  octwords: number,
  start: number,
  length: number,
  uid: number,
  needs: FirmwareObject[],
): IotlbEntry[] {
  const entries: IotlbEntry[] = [];
  let at = start;
  for (let i = 0; i < octwords && at < start + length; i++) {
    const klm = LIST_AT.mkey + i * KLM_SIZE;
    const size = getField(input, klm, DWORD);
    const part = firmware.memoryKeys.byNumber(getField(input, klm + 4, DWORD), uid);
    const from = get64(input, klm + 8);
    demand(size > 0, 'keyList');
    if (part !== null) {
      needs.push(part);
      for (const { iova, size: bytes, addr, perm } of part.entries) {
        const first = Math.max(iova, from);
        const end = Math.min(iova + bytes, from + size);
        if (first < end)
          append(entries, { iova: at + first - from, size: end - first, addr: addr + first - iova, perm });
      }
    }
    at += size;
  }
  demand(at === start + length, 'keyLength');
  return entries;
}

/** Add `entry`, as part of the last one where it goes on in both address spaces. */
function append(entries: IotlbEntry[], entry: IotlbEntry): void {
  const last = entries.at(-1);
  const goesOn =
    last !== undefined &&
    last.perm === entry.perm &&
    last.iova + last.size === entry.iova &&
    last.addr + last.size === entry.addr;
  if (goesOn) last.size += entry.size;
  else entries.push(entry);
}

export function destroyMemoryKey(firmware: Firmware, { input, uid }: Command): void {
  firmware.memoryKeys.keys.remove(getField(input, 0, HEADER.number), uid);
}

export function querySpecialContexts(_firmware: Firmware, { output }: Command): void {
  putField(output, 0, NULL_MKEY, NULL_KEY);
}
