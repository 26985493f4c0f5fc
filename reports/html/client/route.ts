import { useEffect, useState } from 'preact/hooks';
import { type Filter, NO_FILTER } from './filter.ts';

/** Views that the navigation lists. */
export type Tab = 'overview' | 'requirements' | 'cases' | 'skipped' | 'legend';

export type Route =
  | { view: Tab }
  | { view: 'requirement' | 'case'; id: string }
  | { view: 'result'; target: number; id: string };

/** Where the reader is: a view and a filter, both part of the address. */
export interface Place {
  route: Route;
  filter: Filter;
}

const TABS: readonly string[] = ['overview', 'requirements', 'cases', 'skipped', 'legend'];

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Read `#/view/…?filter`. Anything unknown is the overview. */
export function parseHash(hash: string): Place {
  const [path, query = ''] = hash.replace(/^#?\/?/, '').split(/\?(.*)/s);
  const [view, ...rest] = path.split('/');
  const params = new URLSearchParams(query);
  const filter: Filter = {
    verdicts: (params.get('verdict') ?? '').split(',').filter((text) => text !== ''),
    level: params.get('level') ?? '',
    scope: params.get('scope') ?? '',
    class: params.get('class') ?? '',
    target: params.get('target') ?? '',
    text: params.get('q') ?? '',
  };
  return { route: routeOf(view, rest), filter };
}

function routeOf(view: string, rest: readonly string[]): Route {
  if ((view === 'requirement' || view === 'case') && rest.length > 0)
    return { view, id: decode(rest.join('/')) };
  if (view === 'result' && rest.length > 1)
    return { view, target: Number(rest[0]), id: decode(rest.slice(1).join('/')) };
  return { view: TABS.includes(view) ? (view as Tab) : 'overview' };
}

/** The address of a place; the inverse of `parseHash`. */
export function hrefOf(route: Route, filter: Filter = NO_FILTER): string {
  const params = new URLSearchParams();
  if (filter.verdicts.length > 0) params.set('verdict', filter.verdicts.join(','));
  if (filter.level) params.set('level', filter.level);
  if (filter.scope) params.set('scope', filter.scope);
  if (filter.class) params.set('class', filter.class);
  if (filter.target) params.set('target', filter.target);
  if (filter.text) params.set('q', filter.text);
  const parts = [
    route.view,
    ...('target' in route ? [String(route.target)] : []),
    ...('id' in route ? [encodeURIComponent(route.id)] : []),
  ];
  const query = params.toString();
  return `#/${parts.join('/')}${query ? `?${query}` : ''}`;
}

/** The current place, and a way to change the filter without a new step in the browser history. */
export function usePlace(): [Place, (filter: Filter) => void] {
  const [place, setPlace] = useState(() => parseHash(location.hash));
  useEffect(() => {
    const onChange = () => setPlace(parseHash(location.hash));
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  const setFilter = (filter: Filter) => {
    history.replaceState(null, '', hrefOf(place.route, filter));
    setPlace({ route: place.route, filter });
  };
  return [place, setFilter];
}
