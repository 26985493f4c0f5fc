/** What the options in front of, or between, the words say. */
export type ParsedOptions =
  | { readonly kind: 'run'; readonly json: boolean; readonly pretty: boolean; readonly rest: string[] }
  | { readonly kind: 'version' | 'help' }
  /** `message` is empty or a line. */
  | { readonly kind: 'error'; readonly message: string };

const LONG = { Version: 'V', json: 'j', pretty: 'p', help: 'h' } as const;
/** `s` is accepted as a letter, and means nothing. */
const LETTERS = 'Vjpsh';

/** Parse options as `getopt_long` does: anywhere among the words, up to `--`; long ones may be abbreviated. */
export function parseOptions(args: readonly string[]): ParsedOptions {
  const rest: string[] = [];
  let json = false;
  let pretty = false;
  for (let i = 0; i < args.length; i++) {
    const word = args[i];
    if (word === '--') {
      rest.push(...args.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      rest.push(word);
      continue;
    }
    const letters = word.startsWith('--') ? longOption(word) : word.slice(1);
    if (typeof letters !== 'string') return letters;
    for (const letter of letters) {
      if (!LETTERS.includes(letter))
        return { kind: 'error', message: `vdpa: invalid option -- '${letter}'\n` };
      if (letter === 'V') return { kind: 'version' };
      if (letter === 'h') return { kind: 'help' };
      if (letter === 's') return { kind: 'error', message: '' };
      if (letter === 'j') json = true;
      if (letter === 'p') pretty = true;
    }
  }
  return { kind: 'run', json, pretty, rest };
}

/** The letter that a long option stands for. */
function longOption(word: string): string | ParsedOptions {
  const [name, value] = word.slice(2).split(/=(.*)/s);
  const found = Object.entries(LONG).find(([full]) => name !== '' && full.startsWith(name));
  if (found === undefined)
    return {
      kind: 'error',
      message: `vdpa: unrecognized option '--${name}${value === undefined ? '' : `=${value}`}'\n`,
    };
  if (value !== undefined)
    return { kind: 'error', message: `vdpa: option '--${found[0]}' doesn't allow an argument\n` };
  return found[1];
}
