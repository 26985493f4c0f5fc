import { describe, expect, it } from 'vitest';
import { openCatalogue } from '../conformance/commands/catalogue.ts';
import { DEFECTS } from '../devices/defects/index.ts';
import { proveByCases } from '../fuzz/prove/by-cases.ts';
import { decidedBy } from '../fuzz/prove/decided.ts';
import { Rig } from '../fuzz/prove/rig.ts';
import { parentSource } from '../parents.ts';

const { cases } = openCatalogue(undefined);
const defects = [...DEFECTS.values()];
const rig = new Rig(parentSource);
const proved = new Set<string>();

/** Defects by area: `split/…`, `packed/…`. */
const areas = new Map<string, typeof defects>();
for (const defect of defects) {
  const area = defect.id.split('/')[0];
  areas.set(area, [...(areas.get(area) ?? []), defect]);
}

describe('seeded defects', () => {
  it('are at least 200, with ids of their own', () => {
    expect(defects.length).toBeGreaterThanOrEqual(200);
    expect(defects.map(({ id }) => id).filter((id) => !/^[a-z][a-z0-9-]*\/[a-z0-9-]+$/.test(id))).toEqual([]);
  });

  it.each([...areas])('%s: a case that cites it turns red for each requirement they break', (_, own) => {
    const missing = own.flatMap((defect) => {
      const found = [...proveByCases(defect, defect.breaks, cases, rig, () => {})].map(
        (proof) => proof.requirement,
      );
      for (const id of found) proved.add(id);
      return defect.breaks.filter((id) => !found.includes(id)).map((id) => `${defect.id}: ${id}`);
    });
    expect(missing).toEqual([]);
  });

  it('prove every requirement that cases decide', () => {
    expect([...decidedBy(cases)].filter((id) => !proved.has(id))).toEqual([]);
  });
});
