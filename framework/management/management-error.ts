/** A refusal of the management API: a positive errno, and the text of its extended acknowledgement. */
export class ManagementError extends Error {
  readonly errno: number;
  readonly text: string | undefined;
  constructor(errno: number, text?: string) {
    super(text ?? `errno ${errno}`);
    this.errno = errno;
    this.text = text;
  }
}
