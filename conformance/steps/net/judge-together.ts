import type { Add } from './add-problem.ts';
import type { NetRxSeen } from './receive-args.ts';

/** All buffers of a packet become visible at once (5.1.6.4.1, 2.7.9). */
export function judgeTogether(seen: NetRxSeen, add: Add): void {
  const { indexes, flags, packets } = seen;
  if (indexes !== undefined && indexes.length > 0) {
    let end = indexes.at(-1)!;
    const bounds = new Set([end]);
    for (const { lens } of [...packets].reverse()) {
      end = (end - lens.length) & 0xffff;
      bounds.add(end);
    }
    const inside = indexes.find((index) => !bounds.has(index));
    if (inside !== undefined)
      add(
        'together',
        'used index moves from packet to packet',
        `index ${inside} lies within a packet`,
        'V1.1-5.1.6.4.1-D4',
      );
  }
  // The driver sees a buffer once it and all before it are there; then the rest of its packet has to be there.
  let visible = -1;
  flags?.forEach((stores, i) => {
    visible = Math.max(visible, stores[0]);
    const late = stores.findIndex((at) => at > visible);
    if (late > 0)
      add(
        'together',
        `packet ${i}: flags of its first buffer stored last`,
        `those of buffer ${late} came later`,
        'P1.1-027x',
      );
    visible = Math.max(visible, ...stores);
  });
}
