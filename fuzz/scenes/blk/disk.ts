import type { DeviceFacts } from '../../../conformance/runner/device-facts.ts';
import type { Draw } from '../../draw.ts';
import { about, step } from '../../strategy.ts';
import { offers } from '../scene.ts';

/** Whatever becomes of a request that breaks a rule. */
export const ANY = { status: 'any', 'may-be-missing': true };

/** Sectors that a scene fills and looks at. */
export const SPAN = 24;

/** A disk to write on, with blocks of one sector. */
export const disk = (facts: DeviceFacts) =>
  facts.type === 'blk' &&
  !offers(facts, 'blk.RO') &&
  (facts.values.capacity as number) >= 64 &&
  blockOf(facts) === 1;

/** A disk with blocks larger than a sector. */
export const coarseDisk = (facts: DeviceFacts) =>
  facts.type === 'blk' &&
  !offers(facts, 'blk.RO') &&
  blockOf(facts) > 1 &&
  blockOf(facts) <= 8 &&
  (facts.values.capacity as number) >= 16 * blockOf(facts);

/** Sectors of a block. */
export const blockOf = ({ values }: DeviceFacts) =>
  Math.max(1, Math.floor((values.blk_size as number) / 512));

export const fill = (sector: number, draw: Draw) =>
  step('blk-fill', { sector, sectors: SPAN, pattern: draw.int(100) });
export const verify = (sector: number, rule: string) =>
  about(rule, step('blk-verify', { sector, sectors: SPAN }));

/** Commands that clear `least` sectors or more at once: feature, operation, prefix of their limits. */
export const clearing = (facts: DeviceFacts, least = SPAN) =>
  (
    [
      ['blk.DISCARD', 'discard', 'max_discard'],
      ['blk.WRITE_ZEROES', 'write-zeroes', 'max_write_zeroes'],
    ] as const
  ).filter(
    ([feature, , limit]) => offers(facts, feature) && (facts.values[`${limit}_sectors`] as number) >= least,
  );
