import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Context } from './context.ts';
import type { Report } from './data.ts';
import { hrefOf, type Place, type Route, type Tab, usePlace } from './route.ts';
import { CaseView } from './views/case.tsx';
import { CasesView } from './views/cases.tsx';
import { LegendView } from './views/legend.tsx';
import { OverviewView } from './views/overview.tsx';
import { RequirementView } from './views/requirement.tsx';
import { RequirementsView } from './views/requirements.tsx';
import { ResultView } from './views/result.tsx';
import { SkippedView } from './views/skipped.tsx';

const isTab = (route: Route): route is { view: Tab } => !('id' in route);

/** The whole page. */
export function App({ report, printing }: { report: Report; printing: boolean }) {
  const [place, setFilter] = usePlace();
  useScroll(place);
  useTitle(place.route, report);
  return (
    <Context.Provider value={{ report, filter: place.filter, setFilter, printing }}>
      <button type="button" class="skip-link" onClick={() => document.getElementById('content')?.focus()}>
        Skip to the content
      </button>
      <TopBar place={place} report={report} />
      <main id="content" tabIndex={-1} data-place={hrefOf(place.route)}>
        {printing && isTab(place.route) ? <Everything /> : <View route={place.route} />}
      </main>
      <footer class="page-foot">
        vdpa-cts {report.results.suite.version} · catalogue {report.results.suite.catalogue} · seed{' '}
        {report.results.seed}
      </footer>
    </Context.Provider>
  );
}

function View({ route }: { route: Route }) {
  switch (route.view) {
    case 'overview':
      return <OverviewView />;
    case 'requirements':
      return <RequirementsView />;
    case 'cases':
      return <CasesView />;
    case 'skipped':
      return <SkippedView />;
    case 'legend':
      return <LegendView />;
    case 'requirement':
      return <RequirementView key={route.id} id={route.id} />;
    case 'case':
      return <CaseView key={route.id} id={route.id} />;
    case 'result':
      return <ResultView key={`${route.target} ${route.id}`} target={route.target} id={route.id} />;
  }
}

/** For paper: one view after the other. */
const Everything = () => (
  <>
    <OverviewView />
    <RequirementsView />
    <SkippedView />
    <LegendView />
  </>
);

function TopBar({ place, report }: { place: Place; report: Report }) {
  const { results, problems, skips, verdict } = report;
  const tabs: [Tab, string, number | null][] = [
    ['overview', 'Overview', problems.length],
    ['requirements', 'Requirements', results.requirements.length],
    ['cases', 'Cases', results.cases.length],
    ['skipped', 'Skipped', skips.reduce((sum, { count }) => sum + count, 0)],
    ['legend', 'Legend', null],
  ];
  const inside: Record<string, Tab> = { requirement: 'requirements', case: 'cases', result: 'cases' };
  const current = inside[place.route.view] ?? place.route.view;
  return (
    <header class="top">
      <div class="top-row">
        <a class="brand" href={hrefOf({ view: 'overview' })}>
          <span class="brand-name">vdpa-cts</span>
          <span class="brand-sub">virtio 1.1 conformance report</span>
        </a>
        <span class={`run-mark run-${verdict.kind}`}>{verdict.label}</span>
        <nav aria-label="Views">
          {tabs.map(([tab, label, count]) => (
            <a
              key={tab}
              href={hrefOf({ view: tab }, place.filter)}
              aria-current={tab === current ? 'page' : undefined}
              data-tab={tab}
            >
              {label}
              {count !== null && <span class="count">{count.toLocaleString('en')}</span>}
            </a>
          ))}
        </nav>
      </div>
    </header>
  );
}

/** A new view begins at its top with its heading in focus; going back returns to where one was. */
function useScroll({ route, filter }: Place): void {
  const key = hrefOf(route);
  const positions = useRef(new Map<string, number>());
  const last = useRef<string | null>(null);
  useEffect(() => {
    history.scrollRestoration = 'manual';
    const onScroll = () => positions.current.set(last.current ?? key, scrollY);
    addEventListener('scroll', onScroll, { passive: true });
    return () => removeEventListener('scroll', onScroll);
  }, [key]);
  useLayoutEffect(() => {
    if (last.current === key) return;
    const first = last.current === null;
    last.current = key;
    scrollTo(0, isTab(route) ? (positions.current.get(key) ?? 0) : 0);
    if (!first) document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });
  }, [key, filter]);
}

function useTitle(route: Route, report: Report): void {
  const what = 'id' in route ? route.id : route.view === 'overview' ? '' : route.view;
  useEffect(() => {
    const targets = report.results.targets.map(({ name }) => name).join(', ');
    document.title = [what, report.verdict.label, targets, 'vdpa-cts']
      .filter((text) => text !== '')
      .join(' · ');
  }, [what]);
}
