import type { Fault } from './fault.ts';
import { Image } from './image.ts';
import { isLawful, type Shot } from './shot.ts';

/** A trait that was there in so many deaths, and in so many of those shots that had it, kills. */
const DEATHS = 3;
const SHARE = 0.2;
/** One of so many shots with a trait that kills is sent all the same. */
const SPARED = 256;
/** Lengths and room that are told apart; what is longer is long. */
const SHORT = 17;

interface Tally {
  shots: number;
  deaths: number;
}

/**
 * Which traits of shots end the process of a device. A device that dies of one thing again and again has no time
 * left for anything else, so shots with that trait are sent seldom once it is known.
 */
export class LethalTraits {
  readonly #tallies = new Map<string, Tally>();

  /** Whether to leave out a shot. It counts as sent when not. */
  spares(shot: Shot): boolean {
    if (isLawful(shot)) return false;
    const traits = traitsOf(shot);
    if (shot.seed % SPARED !== 0 && [...traits].some((trait) => this.#kills(trait))) return true;
    for (const trait of traits) this.#tally(trait).shots++;
    return false;
  }

  /** The device died of `shot`. */
  died(shot: Shot): void {
    for (const trait of traitsOf(shot)) this.#tally(trait).deaths++;
  }

  #kills(trait: string): boolean {
    const tally = this.#tallies.get(trait);
    return tally !== undefined && tally.deaths >= DEATHS && tally.deaths >= SHARE * tally.shots;
  }

  #tally(trait: string): Tally {
    let tally = this.#tallies.get(trait);
    if (tally === undefined) {
      tally = { shots: 0, deaths: 0 };
      this.#tallies.set(trait, tally);
    }
    return tally;
  }
}

/** Where a shot is laid out to see what the device would see. */
const scratch = new Image();
const SOMEWHERE = 0x10_0000;

/** What is remarkable about a shot, each thing in a word: buffers as they look, and what is wrong. */
function traitsOf(shot: Shot): Set<string> {
  const format = shot.packed ? 'packed' : 'split';
  const traits = new Set<string>();
  scratch.draw(shot, SOMEWHERE);
  for (const { readable, writable } of scratch.buffers(shot))
    traits.add(`reads ${length(readable)}`).add(`writes ${length(writable)}`);
  for (const fault of shot.faults) for (const trait of faultTraits(fault)) traits.add(`${format} ${trait}`);
  return traits;
}

const length = (bytes: number) => (bytes > SHORT ? 'much' : `${bytes}`);

function faultTraits(fault: Fault): string[] {
  if (fault.kind === 'avail') return ['avail'];
  const { table, addr, len, flags, link } = fault;
  const where = table ? 'table' : 'ring';
  return [
    ...(addr === undefined ? [] : [`${where} addr ${typeof addr === 'bigint' ? addr : 'elsewhere'}`]),
    ...(len === undefined ? [] : [`${where} len ${len}`]),
    ...(flags === undefined ? [] : [`${where} flags ${flags}`]),
    ...(link === undefined ? [] : [`${where} link ${length(link)}`]),
  ];
}
