import { openCatalogue } from '../conformance/commands/catalogue.ts';
import { instancesOf } from '../conformance/loader/expand.ts';
import { deviceFacts } from '../conformance/runner/device-facts.ts';
import { runInstance } from '../conformance/runner/run-instance.ts';
import { resolveTarget } from '../conformance/runner/targets.ts';
import { BUS_DRIVERS } from '../framework/bound-device.ts';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import { parentSource } from '../parents.ts';

/** How the two bus drivers compare on one target. */
export interface Comparison {
  /** Instances with the same verdict through both, by verdict. */
  same: Record<string, number>;
  /** Instances whose stimulus vhost-vdpa keeps from the parent, by what it refuses. */
  refused: Record<string, number>;
  /** Instances whose verdicts differ, in words. */
  different: string[];
}

const REFUSED = /^vhost-vdpa (?:refuses )?([A-Za-z_ ]+)/;
const guest = new GuestMemory(8 << 20);

/**
 * Run the catalogue on a target through both bus drivers.
 *
 * @param wanted which cases to run, by id
 * @param most instances of a case that are run
 */
export async function compareDrivers(
  spec: string,
  wanted: (id: string) => boolean = () => true,
  most = Number.POSITIVE_INFINITY,
): Promise<Comparison> {
  const target = await resolveTarget(spec, parentSource);
  const facts = deviceFacts(target.definition, target.options);
  const comparison: Comparison = { same: {}, refused: {}, different: [] };
  const count = (into: Record<string, number>, name: string) => {
    into[name] = (into[name] ?? 0) + 1;
  };
  for (const definition of openCatalogue(undefined).cases.filter(({ id }) => wanted(id))) {
    let ran = 0;
    for (const instance of instancesOf(definition, facts.values)) {
      if (ran >= most) break;
      // A case that names its own bus driver has nothing to be compared with.
      if (instance.params.driver !== undefined) continue;
      const [kernel, process] = BUS_DRIVERS.map((driver) =>
        runInstance(instance, { ...target, driver }, facts, guest),
      );
      const why = process.verdict === 'skip' ? REFUSED.exec(process.reason ?? '') : null;
      if (why !== null) count(comparison.refused, why[1].trim());
      else if (kernel.verdict === process.verdict) count(comparison.same, kernel.verdict);
      else {
        const [first] = process.findings;
        comparison.different.push(
          `${instance.id}: ${kernel.verdict}, ${process.verdict} ${process.reason ?? `${first?.requirement}: ${first?.actual}`}`,
        );
      }
      if (kernel.verdict !== 'skip') ran++;
    }
  }
  return comparison;
}
