import type { VdpaConfigOps } from '../../framework/device.ts';
import type { PostedAnswers, PostedDriver, PostedSession } from '../../framework/transport/posted.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';

const { ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK } = STATUS;
const AGREED = ACKNOWLEDGE | DRIVER | FEATURES_OK;

/** Sessions of a device in process, where nothing is gained by sending ahead: each op takes effect at once. */
export class OpsPoster implements PostedDriver {
  readonly #ops: VdpaConfigOps;

  constructor(ops: VdpaConfigOps) {
    this.#ops = ops;
  }

  post({ features, queues, kicks }: PostedSession): PostedAnswers {
    const ops = this.#ops;
    ops.reset();
    const reset = ops.getStatus();
    ops.setStatus(ACKNOWLEDGE);
    ops.setStatus(ACKNOWLEDGE | DRIVER);
    ops.setDriverFeatures(features);
    ops.setStatus(AGREED);
    const accepted = ops.getStatus();
    for (const { index, num, areas } of queues) {
      ops.setVqNum(index, num);
      ops.setVqAddress(index, ...areas);
      ops.setVqReady(index, true);
    }
    ops.setStatus(AGREED | DRIVER_OK);
    for (const index of kicks) ops.kickVq(index);
    return { reset, accepted };
  }

  dispatch(): () => void {
    this.#ops.reset();
    return () => {};
  }
}
