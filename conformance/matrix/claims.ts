import { BUS_DRIVERS } from '../../framework/bound-device.ts';
import { featureByName, namesOf } from '../../specs/virtio-1.1/features.ts';
import type { Needs } from '../loader/case.ts';
import type { CaseInstance } from '../loader/expand.ts';
import { fillIn } from '../loader/expression.ts';
import type { DeviceFacts } from '../runner/device-facts.ts';
import { wantedFeatures } from '../runner/needs.ts';

/**
 * One thing that a parent says of itself, as `kind:what`: a feature that it offers, an ability, an optional op, what
 * its packet peer can do, a ring format, a bus driver, or one of the words `spaces` (several address spaces), `va`
 * (virtual addresses of a process) and a transport whose registers are shown.
 */
export type Claim = string;

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Everything that a parent claims, by what its device shows before it is driven. */
export function claimsOf(facts: DeviceFacts): Claim[] {
  if (facts.only !== undefined) return [`ability:${facts.only}`];
  const features = namesOf(BigInt(facts.offered), facts.type);
  const peer = Object.entries(facts.peer ?? {}).filter(
    ([name, value]) => name !== 'maxFrame' && value !== false && value !== 'none',
  );
  const { nas, use_va, transport } = facts.values;
  return [
    ...(facts.only === undefined ? ['ring:split', ...BUS_DRIVERS.map((name) => `driver:${name}`)] : []),
    ...(features.includes('VIRTIO_F_RING_PACKED') ? ['ring:packed'] : []),
    ...features.map((name) => `feature:${name}`),
    ...facts.abilities.map((name) => `ability:${name}`),
    ...facts.ops.map((name) => `op:${name}`),
    ...peer.map(([name]) => `peer:${kebab(name)}`),
    ...((nas as number) > 1 ? ['spaces'] : []),
    ...(use_va ? ['va'] : []),
    ...(typeof transport === 'string' && transport !== '' ? [`transport:${transport}`] : []),
  ];
}

/** The claims that an instance puts to the test: what it needs, and what its parameters choose. */
export function exercisedBy(instance: CaseInstance, facts: DeviceFacts): Claim[] {
  const scope = { ...instance.params, device: facts.values };
  const needs = fillIn(instance.definition.needs ?? {}, scope) as Needs;
  const conditions = (needs.holds ?? []).map((row) => row.if).join(' ');
  const { ring } = instance.params;
  return [
    ...[...wantedFeatures(instance, facts), ...(needs.offered ?? [])]
      .filter((name) => name !== '')
      .map((name) => `feature:${featureByName(name).name}`),
    ...(needs.abilities ?? []).map((name) => `ability:${name}`),
    ...(needs.ops ?? []).map((name) => `op:${name}`),
    ...(needs.peer ?? []).map((want) => `peer:${want.split(':')[0]}`),
    ...(typeof ring === 'string' ? [`ring:${ring}`] : []),
    ...(/device\.nas > 1/.test(conditions) ? ['spaces'] : []),
    ...(/device\.use_va/.test(conditions) ? ['va'] : []),
    ...(needs.transport === undefined ? [] : [`transport:${needs.transport}`]),
  ];
}
