/** The lab cannot be built or started: something of the machine is missing. Carries a hint what to do. */
export class LabError extends Error {
  readonly code = 'LAB';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}
