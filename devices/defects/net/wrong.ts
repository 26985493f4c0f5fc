import type { NetDevice } from '../../simulator/net/net-device.ts';
import { type Defect, defineDefect } from '../defect.ts';

export const INVERTED = 'text inverted';

/** A wrong network device that shows in expectations of cases. */
export function wrong(
  id: string,
  breaks: readonly string[],
  what: string,
  origin: string,
  seed: (device: NetDevice) => void,
  rest: Partial<Pick<Defect, 'fuzz' | 'options' | 'seenBy'>> = {},
): Defect {
  return defineDefect<NetDevice>({
    id,
    parents: ['simulator-net'],
    breaks,
    what,
    origin,
    seenBy: 'expectation',
    fuzz: 'yes',
    ...rest,
    seed,
  });
}
