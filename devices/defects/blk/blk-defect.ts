import type { BlkDevice } from '../../simulator/blk/blk-device.ts';
import type { Outcome } from '../../simulator/blk/commands.ts';
import { BLK_S, BLK_T, type BlkRequest } from '../../simulator/blk/request.ts';
import { type Defect, defineDefect } from '../defect.ts';

/** What all defects of this file share, with the fields that have a usual value. */
type Row = Pick<Defect, 'id' | 'breaks' | 'what' | 'origin'> &
  Partial<Pick<Defect, 'seenBy' | 'fuzz' | 'options'>> & { seed(device: BlkDevice): void };

export const blk = (row: Row): Defect =>
  defineDefect<BlkDevice>({ parents: ['simulator-blk'], seenBy: 'expectation', fuzz: 'yes', ...row });

export const OK: Outcome = { status: BLK_S.OK, written: 0 };

/** Replace the way one type of request is carried out. */
export function onType(
  device: BlkDevice,
  type: number,
  act: (request: BlkRequest, proper: () => Outcome) => Outcome,
): void {
  const { command } = device;
  device.command = (request) => {
    const proper = () => command.call(device, request);
    return request.type === type ? act(request, proper) : proper();
  };
}

/** Replace the way discards and write zeroes are carried out. */
export function onSegments(
  device: BlkDevice,
  act: (request: BlkRequest, proper: () => Outcome) => Outcome,
): void {
  onType(device, BLK_T.DISCARD, act);
  onType(device, BLK_T.WRITE_ZEROES, act);
}

/** Move every access to the medium. */
export function moveMedium(device: BlkDevice, place: (at: number) => number): void {
  const { disk } = device;
  const { read, write } = disk;
  disk.read = (at, length, handle) => read.call(disk, place(at), length, handle);
  disk.write = (at, length, through, fill) => write.call(disk, place(at), length, through, fill);
}

export const BIG = { capacity: String(2 ** 33) };

export const LARGE_BLOCKS = { 'blk-size': '4096' };
