import { parentPort, workerData } from 'node:worker_threads';
import { openCatalogue } from '../../conformance/commands/catalogue.ts';
import type { CatalogueCase } from '../../conformance/loader/case.ts';
import type { ParentSource } from '../../conformance/runner/targets.ts';
import { proveByCases } from './by-cases.ts';
import { proveByFuzzing, shrinkHit } from './by-fuzzing.ts';
import { checkHit } from './check-hit.ts';
import type { ProveMessage, ProveTask, Unit } from './protocol.ts';
import { Rig } from './rig.ts';

const send = (message: ProveMessage) => parentPort!.postMessage(message);

/** Do units of work as they come. */
export function runProveWorker(source: ParentSource): void {
  const task = workerData as ProveTask;
  const beat = new Int32Array(task.beat);
  const { cases } = openCatalogue(task.catalogue);
  const rig = new Rig(source);
  parentPort!.on('message', (unit: Unit) => {
    try {
      work(unit, cases, rig, (n) => Atomics.store(beat, 0, n));
      send({ kind: 'end' });
    } catch (error) {
      send({ kind: 'failed', why: error instanceof Error ? error.message : String(error) });
    }
  });
  send({ kind: 'ready' });
}

function work(unit: Unit, cases: readonly CatalogueCase[], rig: Rig, beat: (n: number) => void): void {
  const { defect } = unit;
  if (unit.kind === 'cases') {
    let run = 0;
    const proofs = proveByCases(
      defect,
      unit.requirements,
      cases,
      rig,
      (requirement, { id, definition }, target) => {
        beat(++run);
        send({ kind: 'trying', requirement, case: definition.id, instance: id, target });
      },
    );
    for (const proof of proofs) send({ kind: 'proof', proof });
  } else if (unit.kind === 'seed') {
    send({ kind: 'seed', result: proveByFuzzing(defect, unit.seed, unit.limit, rig, beat) });
  } else {
    const shrunk = shrinkHit(defect, unit.hit, rig);
    send({ kind: 'shrunk', shrunk });
    send({ kind: 'checked', checked: checkHit(defect, unit.hit, shrunk, rig) });
  }
}
