import { type ResultVerdict, VERDICT_ORDER } from '../results.ts';

/** What a reader may see in a verdict cell: a verdict, or why there is none. */
export type Shown = ResultVerdict | 'emulated' | 'none' | 'other-device' | 'undecidable';

export interface VerdictText {
  label: string;
  /** One character, so that colour is never the only difference. */
  symbol: string;
  /** One sentence for the legend. */
  meaning: string;
}

/** Every verdict in words, worst first, then the reasons for having none. */
export const VERDICT_TEXT: Readonly<Record<Shown, VerdictText>> = {
  error: {
    label: 'error',
    symbol: '?',
    meaning: 'The suite itself failed. Nothing was learnt about the device; please report it.',
  },
  crash: {
    label: 'crash',
    symbol: '✸',
    meaning: 'The device or its parent threw an error or died while the steps ran.',
  },
  hang: {
    label: 'hang',
    symbol: '∞',
    meaning: 'The device did not come to rest or did not answer within the time limit.',
  },
  fail: {
    label: 'fail',
    symbol: '✕',
    meaning: 'The device breaks a MUST, or a rule without a keyword whose breach breaks a conforming driver.',
  },
  xpass: {
    label: 'xpass',
    symbol: '▲',
    meaning: 'A waiver says that this fails, but it passes: remove the waiver.',
  },
  blocked: {
    label: 'blocked',
    symbol: '■',
    meaning: 'The set-up or the valid control steps did not succeed, so nothing was learnt.',
  },
  warn: {
    label: 'warn',
    symbol: '!',
    meaning:
      'The device breaks a SHOULD, or a rule without a keyword that drivers survive. Does not fail the run.',
  },
  xfail: {
    label: 'xfail',
    symbol: '~',
    meaning: 'It fails, as a waiver says. Does not fail the run as long as the waiver is in force.',
  },
  skip: {
    label: 'skip',
    symbol: '–',
    meaning: 'Not run on this target, with the reason: a feature, an op or an ability is missing.',
  },
  pass: {
    label: 'pass',
    symbol: '✓',
    meaning: 'Every expectation, the memory rules and the ring rules held, in every instance that ran.',
  },
  emulated: {
    label: 'emulated',
    symbol: '◌',
    meaning: 'It holds, but the parent keeps this side of the device itself: no proof of the device.',
  },
  none: {
    label: 'not run',
    symbol: '○',
    meaning: 'No instance ran that decides this requirement: not selected, or no case cites it yet.',
  },
  'other-device': {
    label: 'n/a',
    symbol: '·',
    meaning: 'The requirement concerns another type of device than this target.',
  },
  undecidable: {
    label: 'not decidable',
    symbol: '∅',
    meaning: 'Cannot be decided from outside through vDPA; the row gives the reason.',
  },
};

/** Verdicts that a reader has to act on, worst first. */
export const PROBLEMS: readonly ResultVerdict[] = VERDICT_ORDER.slice(
  VERDICT_ORDER.indexOf('xfail'),
).reverse();

/** Verdicts that say something about the device. */
const DECISIONS: ReadonlySet<string> = new Set(['pass', 'warn', 'fail', 'hang', 'crash', 'xfail', 'xpass']);

/** Whether a verdict decides a requirement; a skipped, blocked or failed attempt does not. */
export const isDecision = (verdict: ResultVerdict | 'none'): boolean => DECISIONS.has(verdict);

const BROKEN: ReadonlySet<string> = new Set(['fail', 'hang', 'crash', 'xfail']);

/** Whether a verdict shows that the device breaks a rule, waived or not. */
export const isBroken = (verdict: ResultVerdict | 'none'): boolean => BROKEN.has(verdict);

/** What the levels mean, for the legend. */
export const LEVEL_TEXT: Readonly<Record<string, string>> = {
  MUST: 'Mandatory; a breach fails the device.',
  'MUST NOT': 'Forbidden; a breach fails the device.',
  SHOULD: 'Recommended; a breach warns.',
  'SHOULD NOT': 'Discouraged; a breach warns.',
  MAY: 'Permitted; reported only.',
  'text-hard': 'Stated without a keyword; a breach breaks a conforming driver, so it fails the device.',
  'text-soft': 'Stated without a keyword; drivers survive a breach, so it warns.',
  info: 'Background; reported only.',
};

/** How firmly a requirement is decided. */
export const STRENGTH_TEXT: Readonly<Record<string, string>> = {
  crisp: 'A breach shows every time the cases run.',
  statistical: 'A breach shows with high probability, not with certainty.',
  partial: 'Only a part of the statement can be observed.',
};
