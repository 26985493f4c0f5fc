import { VdpaClient } from '../../framework/management/client/client.ts';
import { GuestMemory } from '../../framework/memory/guest-memory.ts';
import {
  ABILITIES,
  type Ability,
  type ParentDefinition,
  type ParentInstance,
} from '../../framework/parent.ts';
import type { PeerCaps } from '../../framework/peer.ts';
import { configFields, readField } from '../../specs/virtio-1.1/config-space.ts';
import { DEVICE_IDS, DEVICE_TYPES, type DeviceType } from '../../specs/virtio-1.1/device-ids.ts';
import { Session } from '../session/session.ts';
import { TRANSPORT_FACTS, transportFacts } from '../transport/transport-facts.ts';

/** What a target is, as far as cases need to know before they run. Plain data. */
export interface DeviceFacts {
  /** Name of the device type. */
  type: DeviceType;
  offered: string;
  abilities: Ability[];
  peer: PeerCaps | null;
  /** Optional ops that the parent has. */
  ops: string[];
  nvqs: number;
  /** Numbers that expressions may use as `device.…`: configuration fields and limits. */
  values: Record<string, number | boolean | string>;
  /** The target is there for this ability alone. */
  only?: Ability;
}

const OPTIONAL = [
  'kickVqWithData',
  'getVqSize',
  'getVqGroup',
  'getVqNumMin',
  'suspend',
  'resume',
  'getGeneration',
  'setGroupAsid',
  'setMap',
  'dmaMap',
  'compatReset',
  'resetMap',
  'getVendorVqStats',
  'getVqDescGroup',
  'getVqIrq',
  'getVqNotification',
  'bindMm',
] as const;

/** What expressions may name as `device.…` besides the fields of the configuration space. */
const LIMITS = [
  'type',
  'type_id',
  'num_max',
  'nvqs',
  'config_size',
  'ngroups',
  'nas',
  'set_map',
  'use_va',
  'vq_state',
  'late_ready',
  'declared_capacity',
  'declared_mtu',
  'declared_pairs',
  'management_maxattr',
  'management_name',
] as const;

/** Every name that may follow `device.` in an expression. */
export function deviceNames(): string[] {
  const fields = DEVICE_TYPES.flatMap((type) => configFields(type).map(({ field }) => field));
  return [...new Set([...LIMITS, ...TRANSPORT_FACTS, ...fields])];
}

/** Largest attribute number of the family `vdpa`, and the device's name there; 0 and '' without management. */
function managementFacts({ management }: ParentInstance) {
  const socket = management?.open();
  if (!management || !socket) return { management_maxattr: 0, management_name: '' };
  const { maxattr } = new VdpaClient(socket).family;
  socket.dispose?.();
  return { management_maxattr: maxattr, management_name: management.deviceName ?? '' };
}

/** Look at a target once, before any case: what it offers and what its configuration space says. */
export function deviceFacts(
  definition: ParentDefinition,
  options: Readonly<Record<string, string>>,
): DeviceFacts {
  const guest = new GuestMemory(1 << 16);
  let session: Session | undefined;
  try {
    session = new Session(definition, { seed: 1, options, guest });
    const { ops, instance } = session;
    const size = ops.getConfigSize();
    const bytes = new Uint8Array(Math.max(size, 64));
    ops.getConfig(0, bytes.subarray(0, size));
    const limits: Record<(typeof LIMITS)[number], number | boolean | string> = {
      type: definition.deviceType,
      type_id: DEVICE_IDS.find(({ name }) => name === definition.deviceType)?.id ?? 0,
      num_max: ops.getVqNumMax(),
      nvqs: instance.device.nvqs,
      config_size: size,
      ngroups: instance.device.ngroups,
      nas: instance.device.nas,
      set_map: typeof instance.device.ops.setMap === 'function',
      use_va: instance.device.useVa === true,
      vq_state: instance.abilities.includes('vq-state'),
      late_ready: !instance.abilities.includes('early-ready'),
      // What the parent declares the device to be made with; -1 where it declares nothing.
      declared_capacity: instance.facts?.capacity ?? -1,
      declared_mtu: instance.facts?.mtu ?? -1,
      declared_pairs: instance.facts?.maxVirtqueuePairs ?? -1,
      ...managementFacts(instance),
    };
    const values: DeviceFacts['values'] = { ...limits, ...transportFacts(session) };
    for (const field of configFields(definition.deviceType)) {
      const value = field.offset + field.width <= size ? readField(bytes, field) : 0;
      values[field.field] = typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : 0;
    }
    return {
      type: definition.deviceType,
      offered: `0x${ops.getDeviceFeatures().toString(16)}`,
      abilities: instance.abilities.filter((ability) => ABILITIES.includes(ability)),
      peer: instance.peer?.caps ?? null,
      ops: OPTIONAL.filter((op) => typeof instance.device.ops[op] === 'function'),
      nvqs: instance.device.nvqs,
      values,
      ...(definition.only === undefined ? {} : { only: definition.only }),
    };
  } finally {
    session?.dispose();
    guest.dispose();
  }
}
