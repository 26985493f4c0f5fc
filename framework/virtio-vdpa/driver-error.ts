/** Why a driver gives up. */
export type DriverErrorCode =
  /** The reset did not end with status 0. */
  | 'reset'
  /** The device did not accept the features, or lacks one that the call needs. */
  | 'features'
  /** A queue or a mapping was refused, or the queue is too small for the driver's buffers. */
  | 'set-up'
  /** The device broke a rule: a used buffer that was never given, an impossible length. */
  | 'device'
  /** The device set DEVICE_NEEDS_RESET. */
  | 'needs-reset'
  /** The device is idle, or busy for ever, and has not answered. */
  | 'hang'
  /** The device refused a command (`ack` is not VIRTIO_NET_OK). */
  | 'refused';

/** A driver cannot go on with its device. */
export class DriverError extends Error {
  readonly code: DriverErrorCode;
  constructor(code: DriverErrorCode, message: string) {
    super(message);
    this.name = 'DriverError';
    this.code = code;
  }
}
