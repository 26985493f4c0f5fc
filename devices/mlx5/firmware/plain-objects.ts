import { ANSWER, CONTEXT_AT, HEADER, LIST_AT, UMEM, UMEM_COUNT_AT } from '../prm/commands.ts';
import { get64, getField, putField } from '../prm/fields.ts';
import { demand } from './failure.ts';
import type { Command, Firmware } from './firmware.ts';
import { FirmwareObject, type ObjectTable } from './objects.ts';

/** Pages of driver memory for the firmware's own use. */
export class Umem extends FirmwareObject {
  readonly size: number;
  constructor(id: number, uid: number, size: number) {
    super(id, uid);
    this.size = size;
  }
}

/** Objects of which there is nothing to say but that they exist. */
type PlainTable = 'protectionDomains' | 'transportDomains' | 'uars' | 'users';

const table = (firmware: Firmware, name: PlainTable): ObjectTable<FirmwareObject> => firmware[name];

export const allocate =
  (name: PlainTable) =>
  (firmware: Firmware, { output, uid }: Command): void => {
    const made = table(firmware, name).add((id) => new FirmwareObject(id, uid));
    if (uid !== 0) made.need([firmware.users.find(uid)!]);
    putField(output, 0, ANSWER.number, made.id);
  };

export const release =
  (name: PlainTable) =>
  (firmware: Firmware, { input, uid }: Command): void => {
    table(firmware, name).remove(getField(input, 0, HEADER.number), uid);
  };

export function createUmem(firmware: Firmware, { input, output, uid }: Command): void {
  const at = CONTEXT_AT.umem;
  const page = 4096 * 2 ** getField(input, at, UMEM.log_page_size);
  const count = get64(input, at + UMEM_COUNT_AT);
  demand(count > 0 && LIST_AT.umem + count * 8 <= input.length, 'pages');
  demand(get64(input, LIST_AT.umem) > 0, 'pages');
  const size = count * page - getField(input, at, UMEM.page_offset);
  const made = firmware.umems.add((id) => new Umem(id, uid, size));
  putField(output, 0, ANSWER.number, made.id);
}

export function destroyUmem(firmware: Firmware, { input, uid }: Command): void {
  firmware.umems.remove(getField(input, 0, HEADER.number), uid);
}
