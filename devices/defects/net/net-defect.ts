import type { NetDevice } from '../../simulator/net/net-device.ts';
import { type Defect, defineDefect, NET, USUAL } from '../defect.ts';

/** What the defects of network devices share, with the fields that have a usual value. */
type Row = Pick<Defect, 'id' | 'breaks' | 'what'> &
  Partial<Pick<Defect, 'origin' | 'seenBy' | 'fuzz' | 'options'>> & { seed(device: NetDevice): void };

export const net = (row: Row): Defect =>
  defineDefect<NetDevice>({
    parents: NET,
    ...USUAL,
    ...row,
  });

/** Shows only where there are several pairs of queues. */
export const PAIRS = { 'max-pairs': '4' };

/** Do something in the pump after the one in which it became due. */
export function laterThan(device: NetDevice): (action: () => void) => void {
  const { pump } = device;
  let due: (() => void)[] = [];
  device.pump = (budget) => {
    const now = due;
    due = [];
    const done = pump.call(device, budget);
    for (const action of now) action();
    return done;
  };
  return (action) => void due.push(action);
}
