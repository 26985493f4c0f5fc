import { initialVqState, type VdpaCallback, type VqState } from '../../../framework/device.ts';

/** What the kernel keeps of a queue. */
export class VduseQueue {
  numMax = 0;
  num = 0;
  desc = 0;
  driver = 0;
  device = 0;
  addressSet = false;
  ready = false;
  /** Where the daemon is to start. */
  state: VqState = initialVqState();
  callback: (() => void) | null = null;
  /** The daemon asked for kicks. */
  kickable = false;

  setCallback(cb: VdpaCallback): void {
    this.callback = cb.callback === null ? null : (cb.trigger ?? cb.callback);
  }

  /** Everything but the largest size, which the daemon set up once. */
  reset(): void {
    this.num = 0;
    this.desc = 0;
    this.driver = 0;
    this.device = 0;
    this.addressSet = false;
    this.ready = false;
    this.state = initialVqState();
    this.callback = null;
    this.kickable = false;
  }
}
