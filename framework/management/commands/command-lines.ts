/** One command of a batch. */
export interface CommandLine {
  /** Number of the line, from 1. */
  readonly line: number;
  readonly words: readonly string[];
}

/** A word: parts without space, or between quotes. */
const WORD = /(?:[^\s"'#]+|"[^"]*"|'[^']*')+|#.*/g;

/** The commands of a batch: words between spaces, quotes around spaces, `#` before a comment, empty lines skipped. */
export function commandLines(text: string): CommandLine[] {
  return text.split(/\r?\n/).flatMap((row, i) => {
    const words = (row.match(WORD) ?? [])
      .filter((word) => !word.startsWith('#'))
      .map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single));
    return words.length === 0 ? [] : [{ line: i + 1, words }];
  });
}
