import { useView } from '../context.ts';
import type { Tab } from '../route.ts';

/** Back to a list, with the filter that led here. */
export function Back({ view, label }: { view: Tab; label: string }) {
  const { href } = useView();
  return (
    <p class="back">
      <a href={href({ view })}>← {label}</a>
    </p>
  );
}
