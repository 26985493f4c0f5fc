import type { Defect } from '../../defect.ts';
import { net, PAIRS } from '../net-defect.ts';

/** Where the control queue is. */
export const NET_CONTROL_PLACE: readonly Defect[] = [
  net({
    id: 'net-ctrl/always-after-all-pairs',
    options: PAIRS,
    breaks: ['P1.1-027a'],
    what: 'has the control queue behind all pairs even without MQ',
    seed(device) {
      device.controlIndex = () => 2 * device.maxPairs;
    },
  }),
  net({
    id: 'net-ctrl/always-queue-two',
    options: PAIRS,
    breaks: ['P1.1-027a'],
    what: 'has the control queue at index 2 even with MQ',
    seed(device) {
      device.controlIndex = () => 2;
    },
  }),
];
