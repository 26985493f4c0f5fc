import { bitMask, featureByName } from '../../specs/virtio-1.1/features.ts';
import type { Needs } from '../loader/case.ts';
import type { CaseInstance } from '../loader/expand.ts';
import { evaluate, fillIn } from '../loader/expression.ts';
import type { DeviceFacts } from './device-facts.ts';

const LEVELS = ['none', 'csum', 'gso'];

/** Names of the features that an instance accepts: those of its `needs`, and the packed format by `ring`. */
export function wantedFeatures(instance: CaseInstance, facts: DeviceFacts): string[] {
  const scope = { ...instance.params, device: facts.values };
  const names = (fillIn(instance.definition.needs?.features ?? [], scope) as string[]).filter(
    (name) => name !== '',
  );
  return instance.params.ring === 'packed' ? [...names, 'RING_PACKED'] : names;
}

/** Why an instance does not apply to a target, or null when it does. */
export function skipReason(instance: CaseInstance, facts: DeviceFacts): string | null {
  const scope = { ...instance.params, device: facts.values };
  const { device } = instance.definition.needs ?? {};
  if (device && device !== facts.type) return `for ${device} devices`;
  const { transport } = instance.definition.needs ?? {};
  if (transport && transport !== facts.values.transport)
    return `the parent shows no ${transport === 'pci' ? 'PCI function' : 'virtio-mmio device'}`;
  const { only } = facts;
  if (only !== undefined && !instance.definition.needs?.abilities?.includes(only))
    return `the target is for cases that need the ability ${only}`;
  const needs = fillIn(instance.definition.needs ?? {}, scope) as Needs;
  const offered = BigInt(facts.offered);
  const offers = (name: string) => (offered & bitMask([name])) !== 0n;
  for (const name of [...wantedFeatures(instance, facts), ...(needs.offered ?? [])]) {
    if (name !== '' && !offers(name)) return `${featureByName(name).name} is not offered`;
  }
  for (const name of needs['not-offered'] ?? [])
    if (name !== '' && offers(name)) return `${featureByName(name).name} is offered`;
  for (const ability of needs.abilities ?? []) {
    if ((ability as string) !== '' && !facts.abilities.includes(ability))
      return `the parent lacks the ability ${ability}`;
  }
  for (const want of needs.peer ?? []) {
    const reason = peerLacks(want, facts);
    if (reason) return reason;
  }
  for (const op of needs.ops ?? []) if (!facts.ops.includes(op)) return `the parent has no ${op}`;
  for (const { if: condition, else: reason } of needs.holds ?? []) {
    if (!evaluate(condition, scope)) return String(reason);
  }
  const { size, ring } = instance.params;
  const start = instance.params.start as { index: number; wrap?: number } | undefined;
  if (start && (start.index !== 0 || start.wrap === 0) && !facts.abilities.includes('vq-state'))
    return 'the parent lacks the ability vq-state';
  if (typeof size === 'number') {
    if (size > (facts.values.num_max as number)) return `queue size ${size} is above the device's maximum`;
    if (ring !== 'packed' && (size & (size - 1)) !== 0)
      return `split queue sizes are powers of 2, not ${size}`;
  }
  return null;
}

function peerLacks(want: string, facts: DeviceFacts): string | null {
  if (facts.peer === null) return 'the parent offers no packet peer';
  const [name, level] = want.split(/:\s*/);
  const key = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const has = (facts.peer as unknown as Record<string, unknown>)[key];
  if (level !== undefined) {
    return LEVELS.indexOf(String(has)) >= LEVELS.indexOf(level)
      ? null
      : `the peer offers ${name} ${has}, not ${level}`;
  }
  return has ? null : `the peer offers no ${name}`;
}
