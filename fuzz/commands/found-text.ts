import type { Bug } from '../findings.ts';

/** A finding as the terminal shows it: what broke, where the case is, how to see it again. */
export function foundText({
  requirement,
  expected,
  actual,
  steps,
  originalSteps,
  at,
  reproduced,
  files,
}: Bug): string {
  return [
    `FOUND ${requirement} in sequence ${at}, shrunk from ${originalSteps} to ${steps} steps`,
    `  expected  ${expected}`,
    `  actual    ${actual}`,
    ...(reproduced ? [`  showed    ${reproduced.times} of ${reproduced.of} times in a fresh process`] : []),
    `  case      ${files.case}`,
    `  replay    npx vdpa-cts replay ${files.history}`,
    '',
  ].join('\n');
}
