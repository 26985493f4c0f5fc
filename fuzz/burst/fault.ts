import { between, chance, type Draw, pick } from '../draw.ts';
import type { Chain, Shot } from './shot.ts';

/** An address: in or behind a part of a chain, or anywhere. */
export type Address = { readonly chain: number; readonly part: number; readonly plus: number } | bigint;

/** Fields of a descriptor that are overwritten: in the ring, or in the table of the last chain that has one. */
export interface DescFault {
  readonly kind: 'desc';
  readonly table: boolean;
  readonly slot: number;
  readonly addr?: Address;
  readonly len?: number;
  readonly flags?: number;
  /** Split: next. Packed: Buffer ID. */
  readonly link?: number;
}

/** Split: further entries of the available ring, and how far its index moves instead of behind them. */
export interface AvailFault {
  readonly kind: 'avail';
  readonly heads: readonly number[];
  readonly move?: number;
}

/** One thing that is wrong with what the driver left in memory. */
export type Fault = DescFault | AvailFault;

const WILD = [
  0x0n,
  0x1n,
  0xfffn,
  0xffff_ffffn,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_fff8n,
  0xffff_ffff_ffff_ffffn,
];
const LENGTHS = [0, 1, 8, 15, 16, 17, 512, 4096, 0x10000, 0x7fffffff, 0x80000001, 0xfffffff0, 0xffffffff];
const SPLIT_FLAGS = [0, 1, 2, 3, 4, 5, 6, 7, 0xfff8, 0xffff];
const PACKED_FLAGS = [0, 1, 2, 3, 4, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x8000, 0x8080, 0x8083, 0xffff];

/** Draw one fault, or several. */
export function drawFaults(shape: Pick<Shot, 'packed' | 'num' | 'chains'>, draw: Draw): Fault[] {
  const count = chance(draw, 75) ? 1 : between(draw, 2, 3);
  return Array.from({ length: count }, () =>
    !shape.packed && chance(draw, 20) ? availFault(shape.num, draw) : descFault(shape, draw),
  );
}

function availFault(num: number, draw: Draw): AvailFault {
  const heads = Array.from({ length: between(draw, 0, 4) }, () =>
    pick(draw, [0, 0, 1, num - 1, num, 0xffff]),
  );
  const jump = [1, num, num + 1, 0x8000, -1, -num];
  return { kind: 'avail', heads, ...(chance(draw, 40) ? { move: pick(draw, jump) } : {}) };
}

function descFault({ packed, num, chains }: Pick<Shot, 'packed' | 'num' | 'chains'>, draw: Draw): DescFault {
  const table = chains.some((chain) => chain.table) && chance(draw, 50);
  const taken = chains.reduce((sum, chain) => sum + (chain.table ? 1 : chain.parts.length), 0);
  // Descriptors in use are the ones that matter; a few beside them.
  const slot = draw.int(table ? 3 : Math.min(num, taken + 1));
  const fields = ['addr', 'len', 'flags', 'link'] as const;
  const chosen = chance(draw, 60) ? [pick(draw, fields)] : fields.filter(() => chance(draw, 60));
  const value = {
    addr: () => address(chains, draw),
    len: () => pick(draw, LENGTHS),
    flags: () => pick(draw, packed ? PACKED_FLAGS : SPLIT_FLAGS),
    link: () => pick(draw, [0, 1, 2, num - 1, num, 0xffff]),
  };
  return { kind: 'desc', table, slot, ...Object.fromEntries(chosen.map((name) => [name, value[name]()])) };
}

function address(chains: readonly Chain[], draw: Draw): Address {
  if (!chance(draw, 65)) return pick(draw, WILD);
  const chain = draw.int(chains.length);
  return { chain, part: draw.int(chains[chain].parts.length), plus: pick(draw, [0, 0, 1, 8, 511, 4096]) };
}
