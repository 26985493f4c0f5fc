/**
 * There is no device to be had: nobody serves it, so nothing can be learnt about it. A parent throws it out of
 * `create`; the case is blocked. `hint` says what to do.
 */
export class DeviceAbsent extends Error {
  readonly code = 'DEVICE_ABSENT';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.name = 'DeviceAbsent';
    this.hint = hint;
  }
}

/**
 * A device outside this process is lost: it died, or it does not answer. A parent throws it out of whatever
 * call found out; the run counts it as `crash` or `hang` and goes on with a fresh device.
 */
export class DeviceFailure extends Error {
  readonly code: 'DEVICE_DIED' | 'DEVICE_HUNG';
  constructor(code: DeviceFailure['code'], message: string) {
    super(message);
    this.name = code === 'DEVICE_DIED' ? 'DeviceDied' : 'DeviceHung';
    this.code = code;
  }
}
