import type { ParentOption } from '../../framework/parent.ts';
import {
  F_ACCESS_PLATFORM,
  F_EVENT_IDX,
  F_IN_ORDER,
  F_INDIRECT_DESC,
  F_NOTIFICATION_DATA,
  F_RING_PACKED,
  F_VERSION_1,
} from '../../specs/virtio-1.1/features.ts';
import { MAX_QUEUE_SIZE } from '../../specs/virtio-1.1/ring-layout.ts';
import type { DeviceProfile } from './profile.ts';
import { VARIANT_NAMES, variantByName } from './variants.ts';

export type Options = Readonly<Record<string, string>>;

/** The common feature bits that every simulated device offers unless told otherwise (section 6). */
export const RING_FEATURES =
  F_VERSION_1 |
  F_ACCESS_PLATFORM |
  F_RING_PACKED |
  F_EVENT_IDX |
  F_INDIRECT_DESC |
  F_IN_ORDER |
  F_NOTIFICATION_DATA;

/** Options that every simulated device understands. */
export const CORE_OPTIONS: readonly ParentOption[] = [
  { name: 'features', description: 'offer exactly NAME+NAME beside VERSION_1 and ACCESS_PLATFORM' },
  { name: 'without', description: 'do not offer NAME+NAME, nor what needs them' },
  { name: 'queue-size', description: 'largest queue size, 1 to 32768', default: '256' },
  {
    name: 'dma',
    description: 'translation model: map (one mapping at a time) or set (whole table)',
    default: 'map',
  },
  {
    name: 'va',
    description: 'use virtual addresses of the process that it is bound to (yes or no)',
    default: 'no',
  },
  { name: 'irqs', description: 'tell an interrupt number for each queue (yes or no)', default: 'no' },
  {
    name: 'ring-group',
    description: 'ring areas in a group and an address space of their own (yes or no)',
    default: 'no',
  },
  {
    name: 'dirty',
    description: 'dirty page tracking by the writes that pass the IOTLB (yes or no)',
    default: 'no',
  },
  { name: 'variant', description: `right but unusual: ${VARIANT_NAMES.join(', ')}` },
];

/** Options that no simulated device has, or that have no such value. */
export class OptionError extends RangeError {
  readonly code = 'BAD_OPTION';
}

/**
 * An integer option.
 *
 * @throws OptionError when it is no integer from `min` to `max`
 */
export function integerOption(
  options: Options,
  name: string,
  otherwise: number,
  min: number,
  max: number,
): number {
  const text = options[name];
  if (text === undefined) return otherwise;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new OptionError(`${name}=${text}: not an integer from ${min} to ${max}`);
}

/**
 * A yes-or-no option; the bare name means yes.
 *
 * @throws OptionError for anything but yes, no, true, false, 1 and 0
 */
export function flagOption(options: Options, name: string): boolean {
  const text = options[name];
  if (text === undefined || /^(no|false|0)$/.test(text)) return false;
  if (/^(|yes|true|1)$/.test(text)) return true;
  throw new OptionError(`${name}=${text}: neither yes nor no`);
}

/**
 * Refuse options that `known` does not list.
 *
 * @throws OptionError naming the option and those that exist
 */
export function checkOptions(options: Options, known: readonly ParentOption[]): void {
  for (const name of Object.keys(options)) {
    if (known.some((option) => option.name === name)) continue;
    throw new OptionError(
      `unknown option "${name}"; there are ${known.map((option) => option.name).join(', ')}`,
    );
  }
}

/** What the common options say about a device. */
export function coreProfile(
  options: Options,
): Pick<
  DeviceProfile,
  'numMax' | 'dma' | 'virtualAddresses' | 'interrupts' | 'ringGroup' | 'dirty' | 'variant'
> {
  const dma = options.dma ?? 'map';
  if (dma !== 'map' && dma !== 'set') throw new OptionError(`dma=${dma}: neither map nor set`);
  if (options.variant !== undefined && variantByName(options.variant) === undefined)
    throw new OptionError(`variant=${options.variant}: there are ${VARIANT_NAMES.join(', ')}`);
  return {
    numMax: integerOption(options, 'queue-size', 256, 1, MAX_QUEUE_SIZE),
    dma,
    virtualAddresses: flagOption(options, 'va'),
    interrupts: flagOption(options, 'irqs'),
    ringGroup: flagOption(options, 'ring-group'),
    dirty: flagOption(options, 'dirty'),
    variant: options.variant,
  };
}

/**
 * Remembers what `build` made of an options object, so that devices of one target share it and creating one
 * is cheap. An options object must not change once it was used.
 */
export function profileCache<P>(build: (options: Options) => P): (options: Options) => P {
  const cache = new WeakMap<Options, P>();
  return (options) => {
    let profile = cache.get(options);
    if (profile === undefined) {
      profile = build(options);
      cache.set(options, profile);
    }
    return profile;
  };
}
