import { LEVEL_TEXT, type Shown, VERDICT_TEXT } from '../../../view/verdicts.ts';

/** A verdict as text with a symbol; colour only supports it. */
export function Verdict({ verdict, count }: { verdict: Shown; count?: number }) {
  const { label, symbol, meaning } = VERDICT_TEXT[verdict];
  return (
    <span class={`verdict v-${verdict}`} title={meaning}>
      <span class="symbol" aria-hidden="true">
        {symbol}
      </span>
      {label}
      {count !== undefined && count > 1 && <span class="times"> ×{count.toLocaleString('en')}</span>}
    </span>
  );
}

export function Level({ level }: { level: string }) {
  const kind = /^(MUST|text-hard|suite)/.test(level)
    ? 'hard'
    : /^(SHOULD|text-soft)/.test(level)
      ? 'soft'
      : 'info';
  return (
    <span class={`level level-${kind}`} title={LEVEL_TEXT[level] ?? ''}>
      {level}
    </span>
  );
}
