/**
 * Compare the verdicts of the two bus drivers on every instance: `npx tsx tools/compare-drivers.ts [TARGET…]`.
 * Not part of the product.
 */
import { DEFAULT_TARGETS } from '../devices/registry.ts';
import { compareDrivers } from '../tests/compare-drivers.ts';

const targets = process.argv.length > 2 ? process.argv.slice(2) : DEFAULT_TARGETS;
let bad = 0;
for (const target of targets) {
  const { same, refused, different } = await compareDrivers(target);
  const kept = Object.values(refused).reduce((sum, n) => sum + n, 0);
  console.log(
    `${target}: same ${JSON.stringify(same)}, kept from the parent ${kept}, different ${different.length}`,
  );
  for (const [what, n] of Object.entries(refused).sort((a, b) => b[1] - a[1])) console.log(`  ${n} ${what}`);
  for (const line of different) console.log(`  ${line}`);
  bad += different.length;
}
process.exitCode = bad === 0 ? 0 : 1;
