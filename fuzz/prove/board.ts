import type { ProvenDefect } from '../../conformance/commands/context.ts';
import type { CaseProof } from './by-cases.ts';
import { type DefectProof, openProof } from './proof.ts';
import type { ProveMessage, Unit } from './protocol.ts';

export interface BoardOptions {
  fuzzing: boolean;
  seeds: number;
  limit: number;
}

/** Takes in what workers report, defect by defect, and says what is to be done next. */
export class Board {
  readonly proofs: DefectProof[];
  /** Work that has not been handed out. */
  readonly queue: Unit[] = [];
  readonly #byId: Map<string, DefectProof>;
  readonly #seeds: number;
  /** What each defect's cases are being tried for. */
  readonly #trying = new Map<string, Extract<ProveMessage, { kind: 'trying' }>>();
  readonly #hits = new Map<string, Extract<ProveMessage, { kind: 'seed' }>['result'][]>();
  #planned = 0;

  constructor(defects: readonly ProvenDefect[], { fuzzing, seeds, limit }: BoardOptions) {
    this.proofs = defects.map((defect) => openProof(defect, fuzzing));
    this.#byId = new Map(this.proofs.map((proof) => [proof.id, proof]));
    this.#seeds = seeds;
    for (const defect of defects)
      this.queue.push({ kind: 'cases', defect, requirements: [...defect.breaks] });
    for (const defect of defects) {
      if (this.#byId.get(defect.id)!.fuzz === null) continue;
      for (let seed = 1; seed <= seeds; seed++) this.queue.push({ kind: 'seed', defect, seed, limit });
    }
    this.#planned = this.queue.length;
  }

  /** How many units there are, and how many are done or being done. */
  get progress(): { done: number; planned: number } {
    return { done: this.#planned - this.queue.length, planned: this.#planned };
  }

  message(unit: Unit, message: ProveMessage): void {
    const { defect } = unit;
    const proof = this.#byId.get(defect.id)!;
    if (message.kind === 'trying') this.#trying.set(defect.id, message);
    else if (message.kind === 'proof') prove(proof, message.proof);
    else if (message.kind === 'shrunk') proof.fuzz!.shrunk = message.shrunk;
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
    const results = this.#hits.get(defect.id) ?? [];
    this.#hits.set(defect.id, results);
    results[seed - 1] = result;
    if (results.filter((one) => one !== undefined).length < this.#seeds) return;
    this.#hits.delete(defect.id);
    const hit = results.find((one) => one.hit !== undefined)?.hit;
    if (hit !== undefined) this.#add({ kind: 'shrink', defect, hit });
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
