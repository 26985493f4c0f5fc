import type { ResultRequirement } from '../results.ts';

/** Requirements of one section, in order. */
export interface MatrixSection {
  section: string;
  title: string;
  rows: ResultRequirement[];
}

/** A conformance clause of chapter 7 with the sections that it lists, or rows that no clause lists. */
export interface MatrixGroup {
  /** `7.3`, `7.3.4`, …, `unlisted`, `vdpa`, `management`. */
  key: string;
  title: string;
  sections: MatrixSection[];
  count: number;
}

const UNLISTED = 'unlisted';
const CONTRACT = 'vdpa';
const MANAGEMENT = 'management';

const TITLES: Readonly<Record<string, string>> = {
  '7.3': 'Device conformance (every device)',
  '7.4': 'Legacy interface and transitional devices',
  [UNLISTED]: 'Not listed in chapter 7',
  [CONTRACT]: 'vDPA parent contract',
  [MANAGEMENT]: 'vDPA management',
};

const groupOf = ({ clauses, scope }: ResultRequirement): string =>
  clauses[0] ?? (scope === CONTRACT || scope === MANAGEMENT ? scope : UNLISTED);

/** General clause, then device types, transports, legacy; then what no clause lists; then the vDPA contract and management. */
function rank(key: string): number[] {
  if (key === UNLISTED) return [8];
  if (key === CONTRACT) return [9];
  if (key === MANAGEMENT) return [10];
  return key.split('.').map(Number);
}

function compare(a: string, b: string): number {
  const left = rank(a);
  const right = rank(b);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? -1) - (right[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The title that the specification gives a clause, without its running number. */
function titleOf(key: string, all: readonly ResultRequirement[]): string {
  if (key in TITLES) return TITLES[key];
  const own = all.find(({ section, scope }) => section === key && scope !== CONTRACT);
  return own?.title.replace(/^Clause \d+: /, '') ?? 'Device conformance';
}

/** Rows laid out along the conformance clauses of chapter 7, then by section. `all` names the clauses. */
export function matrixGroups(
  rows: readonly ResultRequirement[],
  all: readonly ResultRequirement[] = rows,
): MatrixGroup[] {
  const groups = new Map<string, MatrixGroup>();
  for (const row of rows) {
    const key = groupOf(row);
    const group = groups.get(key) ?? { key, title: titleOf(key, all), sections: [], count: 0 };
    groups.set(key, group);
    group.count++;
    const section = group.sections.find((one) => one.section === row.section && one.title === row.title);
    if (section) section.rows.push(row);
    else group.sections.push({ section: row.section, title: row.title, rows: [row] });
  }
  return [...groups.values()].sort((a, b) => compare(a.key, b.key));
}
