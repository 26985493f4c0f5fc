/** Share of a whole as a bar; the numbers stand next to it as text. */
export function Bar({ value, of, kind = 'good' }: { value: number; of: number; kind?: 'good' | 'neutral' }) {
  const percent = of === 0 ? 0 : (100 * value) / of;
  return (
    <span class="bar" aria-hidden="true">
      <span class={`bar-fill bar-${kind}`} style={{ width: `${percent}%` }} />
    </span>
  );
}

/** Whole percent, rounded down so that 100 % means all. */
export const percentOf = (value: number, of: number): string =>
  of === 0 ? '–' : `${Math.floor((100 * value) / of)} %`;
