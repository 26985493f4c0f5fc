import { toHex } from '../../conformance/kits/hex.ts';
import { numbered, type Sequence } from '../sequence.ts';
import { type DrawnStep, step } from '../strategy.ts';
import type { Fault } from './fault.ts';
import type { Chain, Shot } from './shot.ts';

/** The same case as steps, which the reference model judges one by one. Valid requests have contents of their own. */
export function asSequence(shot: Shot): Sequence {
  const { seed, queue, features, num, chains, faults } = shot;
  return {
    seed,
    steps: numbered([
      step('bring-up', { to: 'DRIVER_OK', features, size: num }),
      ...chains.map((chain, i) => submission(chain, i, shot)),
      step('publish', { queue, kick: 'no' }),
      ...faults.map((fault) => wrong(fault, shot)),
      step('kick', { queue }),
      step('settle'),
    ]),
  };
}

const nameOf = (chain: number) => `r${chain}`;

function submission(chain: Chain, i: number, { seed, queue, packed }: Shot): DrawnStep {
  const { parts, table, id, otherIds, request } = chain;
  const ids = packed ? { id, ...(table || parts.length === 1 ? {} : { 'other-ids': otherIds }) } : {};
  const common = { as: nameOf(i), publish: false, ...(table ? { indirect: true } : {}), ...ids };
  if (request === null) {
    const shapes = parts.map((part) => ('read' in part ? { r: toHex(part.read) } : { w: part.write }));
    return step('submit', { queue, parts: shapes, breach: true, ...common });
  }
  const cut = (sizes: number[]) => sizes.slice(0, -1);
  const r = cut(parts.flatMap((part) => ('read' in part ? [part.read.length] : [])));
  const w = cut(parts.flatMap((part) => ('write' in part ? [part.write] : [])));
  const cuts = { ...(r.length > 0 ? { r } : {}), ...(w.length > 0 ? { w } : {}) };
  const { dir, size } = request;
  return step('request', { dir, size, seed: seed + i, cut: cuts, ...common });
}

function wrong(fault: Fault, { queue, packed }: Shot): DrawnStep {
  if (fault.kind === 'avail') return step('avail', { queue, heads: fault.heads, ...moved(fault.move) });
  const { table, slot, addr, len, flags, link } = fault;
  return step('desc', {
    queue,
    ...(table ? { table: 'table' } : {}),
    slot,
    ...(addr === undefined
      ? {}
      : {
          addr:
            typeof addr === 'bigint'
              ? `0x${addr.toString(16)}`
              : { of: nameOf(addr.chain), part: addr.part, plus: addr.plus },
        }),
    ...(len === undefined ? {} : { len }),
    ...(flags === undefined ? {} : { flags }),
    ...(link === undefined ? {} : packed ? { id: link } : { next: link }),
  });
}

const moved = (move: number | undefined) => (move === undefined ? {} : { move });
