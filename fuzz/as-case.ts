import { stringify } from 'yaml';
import type { Finding } from '../conformance/oracles/finding.ts';
import { requirements } from '../specs/requirements.ts';
import type { DeviceType } from '../specs/virtio-1.1/device-ids.ts';
import type { Sequence } from './sequence.ts';

/** Short hash of a bucket: part of file names and case ids. */
export function bucketId(bucket: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bucket.length; i++) hash = Math.imul(hash ^ bucket.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** A counterexample as a case that can be dropped into the catalogue as it is. */
export function asCase(sequence: Sequence, finding: Finding, bucket: string, type: DeviceType): string {
  const cites =
    requirements().has(finding.requirement) || finding.requirement.startsWith('INV-')
      ? finding.requirement
      : 'INV-ALIVE';
  const breach = sequence.steps.some(
    ({ name, args }) => name === 'breach' || name === 'desc' || (args as { breach?: boolean }).breach,
  );
  const definition = {
    id: `found/${cites.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-${bucketId(bucket)}`,
    requirements: [cites],
    class: breach ? 'resilience' : 'conformance',
    title: `Found by the fuzzer: ${finding.actual}`,
    why: `expected ${finding.expected}`,
    needs: { device: type },
    steps: sequence.steps.map((step) => ({
      [step.name]: step.args,
      ...(step.for ? { for: step.for } : {}),
      ...(step.tier ? { tier: step.tier } : {}),
    })),
  };
  const header = '# yaml-language-server: $schema=../../specs/schema/catalogue.schema.json\n';
  return header + stringify([definition], { lineWidth: 110, flowCollectionPadding: false });
}
