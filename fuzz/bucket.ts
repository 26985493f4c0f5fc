import type { History } from '../conformance/history/history.ts';
import type { Finding } from '../conformance/oracles/finding.ts';

/** Two or more features in a row, by name or by bit. */
const FEATURE_LIST = /\b(VIRTIO_\w+|UNUSED_\d+|bit \d+)(, (VIRTIO_\w+|UNUSED_\d+|bit \d+))+/g;
/** Two or more bytes in a row, each two hexadecimal digits. */
const BYTE_LIST = /\b[0-9a-f]{2}( [0-9a-f]{2})+\b/g;

/** Numbers, names, sets of features and contents vary from hit to hit; the shape of the text does not. */
const shapeOf = (text: string, most = 90): string =>
  text
    .replace(FEATURE_LIST, 'features')
    .replace(BYTE_LIST, 'bytes')
    .replace(/\b[0-9a-f]{6,}\b/g, '#')
    .replace(/0x[0-9a-f]+|\d+/gi, '#')
    .replace(/\bb#(, b#)*/g, 'b#')
    .slice(0, most);

/** How a process died: the signal and what it said, whatever it was asked when it happened. */
const deathOf = (text: string): string =>
  shapeOf(text.replace(/^\w+ threw /, '').replace(/(: ).* \| /, '$1'), 300);

/**
 * Findings with the same bucket count as one: same requirement, same shape of what happened, same kind of
 * event with which it showed.
 */
export function bucketOf(finding: Finding, history: History): string {
  const during = finding.event === undefined ? 'end' : history.events[finding.event].k;
  const packed = history.events.some((event) => event.k === 'area' && event.packed) ? 'packed' : 'split';
  const layer = /^(V1\.1-2\.[67]|P1\.1-01)/.test(finding.requirement) ? packed : 'any';
  if (died(finding)) return [finding.requirement, finding.kind, deathOf(finding.actual)].join(' | ');
  return [finding.requirement, finding.kind, shapeOf(finding.actual), during, layer].join(' | ');
}

/** A process outside the suite died, or answers no more. */
export const died = ({ kind, actual }: Finding): boolean =>
  (kind === 'crash' || kind === 'hang') && /threw Device(Died|Hung): /.test(actual);

/** Whether two findings are the same bug as far as shrinking is concerned: the rule, the kind, and how a process died. */
export const sameBug = (a: Finding, b: Finding): boolean =>
  a.requirement === b.requirement &&
  a.kind === b.kind &&
  (!died(a) || deathOf(a.actual) === deathOf(b.actual));
