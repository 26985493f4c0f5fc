import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { useView } from '../context.ts';

interface ShortListProps<T> {
  items: readonly T[];
  /** Items that are shown before the reader asks for all. */
  first: number;
  what: string;
  children(items: readonly T[]): ComponentChildren;
}

/** The first items of a list, and a button for the others. Paper gets all. */
export function ShortList<T>({ items, first, what, children }: ShortListProps<T>) {
  const { printing } = useView();
  const [all, setAll] = useState(false);
  const hidden = all || printing ? 0 : items.length - first;
  return (
    <>
      {children(hidden > 0 ? items.slice(0, first) : items)}
      {hidden > 0 && (
        <button type="button" class="more" onClick={() => setAll(true)}>
          Show {hidden.toLocaleString('en')} more {what}
        </button>
      )}
    </>
  );
}
