import {
  bitMask,
  type DeviceScope,
  F_ACCESS_PLATFORM,
  F_VERSION_1,
  FEATURES,
  type FeatureBit,
  featureByName,
  unmetDependencies,
  withDependencies,
} from '../../specs/virtio-1.1/features.ts';

/** A feature bit with what it needs: of each mask in `groups` at least one bit. */
interface Dependency {
  readonly mask: bigint;
  readonly groups: readonly bigint[];
}

const DEPENDENCIES = new Map<DeviceScope, readonly Dependency[]>();

/** The rows of the feature table that have dependencies, as masks. */
function dependenciesOf(scope: DeviceScope): readonly Dependency[] {
  let rows = DEPENDENCIES.get(scope);
  if (rows === undefined) {
    const table: readonly FeatureBit[] = FEATURES;
    rows = table
      .filter((row) => row.scope === scope && row.requires.length > 0)
      .map((row) => ({ mask: 1n << BigInt(row.bit), groups: row.requires.map((names) => bitMask(names)) }));
    DEPENDENCIES.set(scope, rows);
  }
  return rows;
}

/**
 * Whether a driver may accept `features` of a device that offers `offered`: a subset of the offer, with all
 * dependencies met (section 2.2.1), and with VERSION_1 and ACCESS_PLATFORM wherever they are offered
 * (section 6.2 lets a device insist on both).
 */
export function isConsistent(features: bigint, offered: bigint, scope: DeviceScope): boolean {
  if ((features & ~offered) !== 0n) return false;
  const must = offered & (F_VERSION_1 | F_ACCESS_PLATFORM);
  if ((features & must) !== must) return false;
  return dependenciesOf(scope).every(
    (row) => (features & row.mask) === 0n || row.groups.every((group) => (features & group) !== 0n),
  );
}

/**
 * The offer of a device with the options `features` (exactly these bits beside VERSION_1 and
 * ACCESS_PLATFORM, and what they need) and `without` (drop these bits, and what needs them).
 *
 * @throws RangeError for a name that is no feature of the device type
 */
export function offerOf(
  all: bigint,
  scope: DeviceScope,
  options: { readonly features?: string; readonly without?: string },
): bigint {
  let offer = all;
  if (options.features !== undefined) {
    offer = withDependencies(maskOf(options.features, scope), scope) | F_VERSION_1 | F_ACCESS_PLATFORM;
  }
  if (options.without !== undefined) offer &= ~maskOf(options.without, scope);
  for (;;) {
    const open = unmetDependencies(offer, scope);
    if (open.length === 0) return offer;
    offer &= ~bitMask(open.map((row) => row.feature));
  }
}

/** Mask of `NAME+NAME`, each the name of a common bit or of a bit of the device type, short or long. */
export function maskOf(list: string, scope: DeviceScope): bigint {
  let mask = 0n;
  for (const name of list.split('+')) if (name !== '') mask |= 1n << BigInt(bitOf(name, scope));
  return mask;
}

function bitOf(name: string, scope: DeviceScope): number {
  try {
    return featureByName(`${scope}.${name}`).bit;
  } catch {
    return featureByName(name).bit;
  }
}
