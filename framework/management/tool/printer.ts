/** Where a tool writes to. */
export interface ToolOutput {
  out(text: string): void;
  err(text: string): void;
}

/**
 * Output as text or JSON, laid out as the tools of iproute2 do: compact, or with `pretty` four spaces a
 * level, keys followed by a space, and arrays in one line.
 */
export class Printer {
  readonly json: boolean;
  readonly #pretty: boolean;
  readonly #output: ToolOutput;
  #depth = 0;
  /** What stands before the next member: nothing yet at the start of an object or array. */
  #separator = '';
  #inArray = false;

  constructor(output: ToolOutput, json: boolean, pretty: boolean) {
    this.#output = output;
    this.json = json;
    this.#pretty = pretty;
  }

  /** Text that stands in the text form only. */
  text(text: string): void {
    if (!this.json) this.#output.out(text);
  }

  /** Open an object; in JSON only. */
  open(name?: string): void {
    if (!this.json) return;
    this.#key(name);
    this.#output.out('{');
    this.#depth++;
    this.#separator = '';
  }

  close(): void {
    if (!this.json) return;
    this.#depth--;
    if (this.#separator !== '') this.#line();
    this.#output.out('}');
    this.#separator = ',';
  }

  /** Open an array; the text form has its name on a line of its own, two spaces in. */
  openArray(name: string): void {
    if (!this.json) {
      this.#output.out(`\n  ${name}`);
      return;
    }
    this.#key(name);
    this.#output.out(this.#pretty ? '[ ' : '[');
    this.#inArray = true;
    this.#separator = '';
  }

  closeArray(): void {
    if (!this.json) return;
    this.#output.out(this.#pretty ? (this.#separator === '' ? ']' : ' ]') : ']');
    this.#inArray = false;
    this.#separator = ',';
  }

  /** A value: in JSON under `name`, in text as `text` says. */
  value(name: string | undefined, value: string | number | bigint | boolean, text: string): void {
    if (!this.json) {
      this.#output.out(text);
      return;
    }
    this.#key(name);
    this.#output.out(typeof value === 'bigint' ? String(value) : JSON.stringify(value));
    this.#separator = ',';
  }

  /** End of the output of a command. */
  end(): void {
    if (this.json) this.#output.out('\n');
  }

  #key(name: string | undefined): void {
    this.#output.out(this.#separator);
    if (this.#inArray || (name === undefined && this.#depth === 0)) return;
    this.#line();
    if (name !== undefined) this.#output.out(`${JSON.stringify(name)}:${this.#pretty ? ' ' : ''}`);
  }

  #line(): void {
    if (this.#pretty) this.#output.out(`\n${' '.repeat(4 * this.#depth)}`);
  }
}
