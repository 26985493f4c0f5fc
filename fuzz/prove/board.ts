import type { ProvenDefect } from '../../conformance/commands/context.ts';
import type { CaseProof } from './by-cases.ts';
import type { FuzzHit } from './by-fuzzing.ts';
import { type DefectProof, openProof } from './proof.ts';
import type { ProveMessage, Unit } from './protocol.ts';
import { takeOver } from './resume.ts';

export interface BoardOptions {
  /** Try cases; the proofs of requirements. */
  cases?: boolean;
  fuzzing: boolean;
  seeds: number;
  limit: number;
  /** What an earlier run found out is not run again; with `again` its misses are. */
  earlier?: ReadonlyMap<string, DefectProof>;
  again?: boolean;
}

/** Takes in what workers report, defect by defect, and says what is to be done next. */
export class Board {
  readonly proofs: DefectProof[];
  /** Work that has not been handed out. */
  readonly queue: Unit[] = [];
  readonly #byId: Map<string, DefectProof>;
  /** What each defect's cases are being tried for. */
  readonly #trying = new Map<string, Extract<ProveMessage, { kind: 'trying' }>>();
  /** The first hit of each defect, until all its seeds are through and it is shrunk. */
  readonly #hits = new Map<string, FuzzHit>();
  #planned = 0;

  constructor(defects: readonly ProvenDefect[], options: BoardOptions) {
    const { cases = true, fuzzing, seeds, limit, earlier, again = false } = options;
    this.proofs = defects.map((defect) => openProof(defect, fuzzing ? { seeds, limit } : null));
    this.#byId = new Map(this.proofs.map((proof) => [proof.id, proof]));
    for (const proof of this.proofs) {
      const known = earlier?.get(proof.id);
      if (known !== undefined) takeOver(proof, known, again);
    }
    for (const defect of cases ? defects : []) {
      const left = this.#byId.get(defect.id)!.requirements.filter(({ proof }) => proof === null);
      const requirements = left.map(({ requirement }) => requirement);
      if (requirements.length > 0) this.queue.push({ kind: 'cases', defect, requirements });
    }
    for (const defect of defects) {
      this.#byId.get(defect.id)!.fuzz?.seeds.forEach((known, i) => {
        if (known === 'open') this.queue.push({ kind: 'seed', defect, seed: i + 1, limit });
      });
    }
    this.#planned = this.queue.length;
  }

  /** How many units there are, how many are done or being done, and how many seeds came to nothing. */
  get progress(): { done: number; planned: number; missed: number } {
    const missed = this.proofs.reduce(
      (sum, { fuzz }) => sum + (fuzz?.seeds.filter((at) => at === null).length ?? 0),
      0,
    );
    return { done: this.#planned - this.queue.length, planned: this.#planned, missed };
  }

  message(unit: Unit, message: ProveMessage): void {
    const { defect } = unit;
    const proof = this.#byId.get(defect.id)!;
    if (message.kind === 'trying') this.#trying.set(defect.id, message);
    else if (message.kind === 'proof') prove(proof, message.proof);
    else if (message.kind === 'shrunk') proof.fuzz!.shrunk = message.shrunk;
    else if (message.kind === 'checked') proof.fuzz!.checked = message.checked;
    else if (message.kind === 'failed') proof.problems.push(`${unit.kind}: ${message.why}`);
    else if (message.kind === 'seed' && unit.kind === 'seed') this.#seed(unit, message.result);
  }

  lost(unit: Unit, { how, why, at }: { how: 'hang' | 'crash'; why: string; at: number }): void {
    const { defect } = unit;
    const proof = this.#byId.get(defect.id)!;
    if (unit.kind === 'seed') {
      // A device that never comes back is found.
      this.#seed(unit, { sequences: at, falseAlarms: 0 });
    } else if (unit.kind === 'shrink') proof.problems.push(`not shrunk: ${why}`);
    else this.#lostCase(unit, proof, how, why);
  }

  #lostCase(unit: Unit & { kind: 'cases' }, proof: DefectProof, how: 'hang' | 'crash', why: string): void {
    const trying = this.#trying.get(unit.defect.id);
    if (trying === undefined) {
      proof.problems.push(`the device could not be set up: ${why}`);
      return;
    }
    const { kind: _, ...tried } = trying;
    prove(proof, { ...tried, verdict: how, expected: 'the case ends', actual: why });
    const left = proof.requirements.filter((one) => one.proof === null).map(({ requirement }) => requirement);
    if (left.length > 0) this.#add({ ...unit, requirements: left });
  }

  #seed(
    { defect, seed }: Unit & { kind: 'seed' },
    result: Extract<ProveMessage, { kind: 'seed' }>['result'],
  ): void {
    const fuzz = this.#byId.get(defect.id)!.fuzz!;
    fuzz.seeds[seed - 1] = result.sequences;
    fuzz.falseAlarms += result.falseAlarms;
    if (result.hit !== undefined && !this.#hits.has(defect.id)) this.#hits.set(defect.id, result.hit);
    const hit = this.#hits.get(defect.id);
    if (hit === undefined || fuzz.seeds.includes('open')) return;
    this.#hits.delete(defect.id);
    this.#add({ kind: 'shrink', defect, hit });
  }

  /** First in the queue, so that defects are finished one after the other. */
  #add(unit: Unit): void {
    this.queue.unshift(unit);
    this.#planned++;
  }
}

function prove(proof: DefectProof, found: CaseProof): void {
  const open = proof.requirements.find(({ requirement }) => requirement === found.requirement);
  if (open !== undefined) open.proof = found;
}
