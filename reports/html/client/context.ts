import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Report } from './data.ts';
import { type Filter, NO_FILTER } from './filter.ts';
import { hrefOf, type Route } from './route.ts';

/** What every view needs. */
export interface ViewContext {
  report: Report;
  filter: Filter;
  setFilter(filter: Filter): void;
  /** Everything is laid out for paper: no lazy parts, nothing folded. */
  printing: boolean;
}

export const Context = createContext<ViewContext | null>(null);

export function useView(): ViewContext & { href(route: Route): string } {
  const view = useContext(Context);
  if (view === null) throw new Error('outside of the report');
  return { ...view, href: (route) => hrefOf(route, view.filter ?? NO_FILTER) };
}
