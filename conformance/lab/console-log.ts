/** Lines that tell of the end of a kernel, as `lib/bug.c`, `kernel/panic.c` and the watchdogs print them. */
const HEADLINE =
  /(?:BUG: |Oops: |general protection fault|kernel BUG at|Kernel panic - not syncing|watchdog: |blocked for more than|Unable to handle|WARNING: CPU)/;

/** Time stamps that the kernel puts before each line. */
const STAMP = /^\[\s*\d+\.\d+\]\s*/;

/**
 * The last line that announces an instance and all after it; everything when there is none. While one processor
 * panics, another one may still announce an instance: that one has not run.
 */
export function sinceLastCase(text: string): string {
  const panic = text.lastIndexOf('Kernel panic - not syncing');
  const at = text.lastIndexOf('lab: case ', panic < 0 ? text.length : panic);
  if (at < 0) return text;
  return text.slice(text.lastIndexOf('\n', at) + 1);
}

/** One line that says what happened to the kernel, or null when its console says nothing of the kind. */
export function headline(text: string): string | null {
  const lines = sinceLastCase(text)
    .split(/\r?\n/)
    .map((line) => line.replace(STAMP, '').trim());
  const first = lines.find((line) => HEADLINE.test(line));
  if (first === undefined) return null;
  const place = lines.find((line) => /^RIP: /.test(line))?.replace(/^RIP: \w+:/, '');
  return place === undefined ? first : `${first}, at ${place}`;
}

/** The last lines of a console, for messages. */
export function lastLines(text: string, count: number): string {
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(STAMP, '').trimEnd())
    .filter((line) => line !== '')
    .slice(-count)
    .join('\n');
}
