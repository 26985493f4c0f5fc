import type { PciAccess } from '../../../framework/transport/access.ts';
import type { PostedAnswers, PostedDriver, PostedSession } from '../../../framework/transport/posted.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import type { TransportDevice } from './transport-device.ts';

const { ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK } = STATUS;
const IDENTIFIED = ACKNOWLEDGE | DRIVER;
const AGREED = IDENTIFIED | FEATURES_OK;

const ignore = () => {};
const done = () => {};

/** Sessions of a virtio transport as register accesses in a row (section 3.1.1). */
export class RegisterPoster implements PostedDriver {
  readonly #device: TransportDevice;
  readonly #access: Pick<PciAccess, 'dispatch' | 'yieldSoon'>;

  constructor(device: TransportDevice, access: Pick<PciAccess, 'dispatch' | 'yieldSoon'>) {
    this.#device = device;
    this.#access = access;
  }

  post({ features, queues, kicks }: PostedSession): PostedAnswers {
    const device = this.#device;
    const answers = { reset: -1, accepted: -1 };
    device.writeStatus(0);
    device.readStatusSoon((status) => {
      answers.reset = status;
    });
    device.writeStatus(ACKNOWLEDGE);
    device.writeStatus(IDENTIFIED);
    for (const word of [0, 1]) device.readDeviceFeaturesSoon(word, ignore);
    for (const word of [0, 1])
      device.writeDriverFeatures(word, Number((features >> BigInt(32 * word)) & 0xffff_ffffn));
    device.writeStatus(AGREED);
    device.readStatusSoon((status) => {
      answers.accepted = status;
    });
    for (const { index, num, areas } of queues) device.startQueue(index, num, areas);
    device.writeStatus(AGREED | DRIVER_OK);
    for (const index of kicks) device.notify(index);
    this.#access.yieldSoon?.();
    return answers;
  }

  dispatch(): () => void {
    this.#device.writeStatus(0);
    this.#device.readStatusSoon(ignore);
    return this.#access.dispatch?.() ?? done;
  }
}
