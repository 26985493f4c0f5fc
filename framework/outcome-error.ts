/**
 * An error that belongs to normal work: what a device or a ring did, not a mistake in the code that says so. It has
 * no stack, as collecting one takes longer than everything around it.
 */
export class OutcomeError extends Error {
  constructor(message?: string, options?: ErrorOptions) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
  }
}
