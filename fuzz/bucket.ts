import type { History } from '../conformance/history/history.ts';
import type { Finding } from '../conformance/oracles/finding.ts';

/** Numbers and names vary from hit to hit; the shape of the text does not. */
const shapeOf = (text: string): string =>
  text
    .replace(/0x[0-9a-f]+|\d+/gi, '#')
    .replace(/\bb#(, b#)*/g, 'b#')
    .slice(0, 90);

/**
 * Findings with the same bucket count as one: same requirement, same shape of what happened, same kind of
 * event with which it showed.
 */
export function bucketOf(finding: Finding, history: History): string {
  const during = finding.event === undefined ? 'end' : history.events[finding.event].k;
  const packed = history.events.some((event) => event.k === 'area' && event.packed) ? 'packed' : 'split';
  const layer = /^(V1\.1-2\.[67]|P1\.1-01)/.test(finding.requirement) ? packed : 'any';
  return [finding.requirement, finding.kind, shapeOf(finding.actual), during, layer].join(' | ');
}

/** Whether two findings are the same bug as far as shrinking is concerned: the rule and the kind. */
export const sameBug = (a: Finding, b: Finding): boolean =>
  a.requirement === b.requirement && a.kind === b.kind;
