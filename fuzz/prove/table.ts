import { REPLAYS } from './check-hit.ts';
import { type DefectProof, overSeeds } from './proof.ts';
import type { ProveSummary } from './summary.ts';

const HEADINGS = ['defect', 'requirement', 'found by case', 'fuzzing: sequences', 'steps'];

/** The proofs as lines of text: a table, one row a requirement. */
export function tableOf(proofs: readonly DefectProof[], fuzzing: boolean, cases = true): string[] {
  const columns = fuzzing ? HEADINGS.length : 3;
  const rows = [HEADINGS, ...proofs.flatMap((proof) => rowsOf(proof, fuzzing, cases))].map((row) =>
    row.slice(0, columns),
  );
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}

function rowsOf(
  { id, requirements, unreachable, fuzz, problems }: DefectProof,
  fuzzing: boolean,
  cases: boolean,
): string[][] {
  const last = !fuzzing ? ['', ''] : fuzz === null ? [`no: ${unreachable}`, ''] : fuzzCells(fuzz);
  const rows = requirements.map(({ requirement, proof }, i) => [
    i === 0 ? id : '',
    requirement,
    proof?.case ?? (cases ? 'NOT PROVED' : 'not tried'),
    ...(i === 0 ? last : ['', '']),
  ]);
  return [...rows, ...problems.map((problem) => ['', `! ${problem}`, '', '', ''])];
}

function fuzzCells(fuzz: NonNullable<DefectProof['fuzz']>): string[] {
  const { found, of, median } = overSeeds(fuzz);
  const sequences = median === null ? 'MISSED' : String(median);
  return [
    `${sequences} (${found} of ${of} seeds)`,
    fuzz.shrunk === null ? '' : String(fuzz.shrunk.steps.length),
  ];
}

const percent = (part: number, whole: number) =>
  whole === 0 ? '' : ` (${Math.floor((100 * part) / whole)} %)`;

/** The totals, and all that is missing. */
export function totalsOf(summary: ProveSummary, limit: number): string[] {
  const { defects, decided, proved, unproved, unprovedClaims, reachable, foundByAll, foundBySome, missed } =
    summary;
  const lines = [
    decided === 0
      ? `${defects} defects`
      : `${defects} defects; ${proved} of ${decided} decided requirements proved${percent(proved, decided)}`,
  ];
  if (reachable > 0) {
    lines.push(
      `fuzzing, at most ${limit} sequences: ${foundByAll} of ${reachable} reachable defects found with every seed` +
        `${percent(foundByAll, reachable)}, ${foundBySome} with some; median ${summary.medianSequences} sequences, ` +
        `shrunk to ${summary.medianSteps} steps`,
    );
  }
  if (summary.checked > 0) {
    lines.push(
      `${summary.checked} counterexamples run ${REPLAYS} times again, and as cases on wrong and right device: ` +
        (summary.notHeld.length === 0 ? 'all held' : `${summary.notHeld.length} did not hold`),
    );
  }
  for (const one of summary.notHeld) lines.push(`did not hold: ${one}`);
  if (summary.falseAlarms > 0)
    lines.push(`FALSE ALARMS: ${summary.falseAlarms} sequences failed the right device as well`);
  for (const id of unproved) lines.push(`no proof: ${id}`);
  for (const claim of unprovedClaims) lines.push(`not proved: ${claim}`);
  for (const id of missed) lines.push(`missed: ${id}`);
  return lines;
}
