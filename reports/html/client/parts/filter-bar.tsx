import { useEffect, useRef } from 'preact/hooks';
import { PROBLEMS, type Shown, VERDICT_TEXT } from '../../../view/verdicts.ts';
import { useView } from '../context.ts';
import { type Filter, isFiltering, NO_FILTER } from '../filter.ts';

const VERDICTS: readonly Shown[] = [...PROBLEMS, 'skip', 'pass', 'emulated', 'none', 'undecidable'];

const unique = (values: readonly string[]): string[] => [...new Set(values)];

interface FilterBarProps {
  /** Verdicts that the list below can be restricted to, with counts; empty for none. */
  counts: ReadonlyMap<string, number>;
  shown: number;
  total: number;
  what: string;
}

/** Search and filters; their state is part of the address. */
export function FilterBar({ counts, shown, total, what }: FilterBarProps) {
  const { report, filter, setFilter, printing } = useView();
  const { targets, requirements } = report.results;
  const set = (change: Partial<Filter>) => setFilter({ ...filter, ...change });
  const levels = unique(requirements.map(({ level }) => level));
  const scopes = unique(requirements.map(({ scope }) => scope));
  if (printing && !isFiltering(filter)) return null;
  return (
    <search class="filters">
      <div class="filter-row">
        <SearchField text={filter.text} onText={(text) => set({ text })} />
        <Choice label="Level" value={filter.level} options={levels} onPick={(level) => set({ level })} />
        <Choice label="Scope" value={filter.scope} options={scopes} onPick={(scope) => set({ scope })} />
        <Choice
          label="Class"
          value={filter.class}
          options={['conformance', 'resilience']}
          onPick={(value) => set({ class: value })}
        />
        <Choice
          label="Target"
          value={filter.target}
          options={targets.map((_, i) => String(i))}
          text={(i) => targets[Number(i)]?.name ?? i}
          onPick={(target) => set({ target })}
        />
      </div>
      {counts.size > 0 && (
        <VerdictToggles counts={counts} filter={filter} onPick={(verdicts) => set({ verdicts })} />
      )}
      <p class="filter-state" role="status">
        {shown.toLocaleString('en')} of {total.toLocaleString('en')} {what}
        {isFiltering(filter) && (
          <button type="button" class="link" onClick={() => setFilter(NO_FILTER)}>
            Clear the filter
          </button>
        )}
      </p>
    </search>
  );
}

function SearchField({ text, onText }: { text: string; onText(text: string): void }) {
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef(0);
  useEffect(() => {
    if (field.current && field.current !== document.activeElement) field.current.value = text;
  }, [text]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test((event.target as Element).tagName);
      if (event.key !== '/' || typing) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const onInput = (value: string) => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => onText(value.trim()), 120);
  };
  return (
    <label class="field search">
      <span>
        Search <kbd>/</kbd>
      </span>
      <input
        ref={field}
        type="search"
        defaultValue={text}
        placeholder="id, section, words, case"
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly string[];
  text?(option: string): string;
  onPick(value: string): void;
}

function Choice({ label, value, options, text = (option) => option, onPick }: ChoiceProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => onPick(event.currentTarget.value)}>
        <option value="">all</option>
        {options.map((option) => (
          <option key={option} value={option}>
            {text(option)}
          </option>
        ))}
      </select>
    </label>
  );
}

interface TogglesProps {
  counts: ReadonlyMap<string, number>;
  filter: Filter;
  onPick(verdicts: string[]): void;
}

function VerdictToggles({ counts, filter, onPick }: TogglesProps) {
  const chosen = new Set(filter.verdicts);
  const toggle = (verdict: string) => {
    if (!chosen.delete(verdict)) chosen.add(verdict);
    onPick([...chosen]);
  };
  return (
    <fieldset class="toggles">
      <legend class="visually-hidden">Verdict</legend>
      {VERDICTS.filter((verdict) => counts.has(verdict) || chosen.has(verdict)).map((verdict) => (
        <button
          key={verdict}
          type="button"
          class={`toggle v-${verdict}`}
          aria-pressed={chosen.has(verdict)}
          onClick={() => toggle(verdict)}
        >
          <span class="symbol" aria-hidden="true">
            {VERDICT_TEXT[verdict].symbol}
          </span>
          {VERDICT_TEXT[verdict].label}{' '}
          <span class="times">{(counts.get(verdict) ?? 0).toLocaleString('en')}</span>
        </button>
      ))}
    </fieldset>
  );
}
