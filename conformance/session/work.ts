import { DESC_F } from '../../specs/virtio-1.1/ring-layout.ts';
import type { Session } from './session.ts';
import { settle } from './settle.ts';

/** Units of device work between two idle checks after which the device counts as busy for ever. */
export const PUMP_LIMIT = 50_000;

const BUSY = 'the device never became idle';

/** Let the device of `session` work until it is idle. Returns the units of work done. */
export function workUntilIdle(session: Session): number {
  const { instance, recorder } = session;
  if (instance.wait !== undefined) return settleDown(session);
  if (instance.pump === undefined) return 0;
  exposeSlots(session);
  let done = 0;
  while (done < PUMP_LIMIT) {
    const n = session.guarded('pump', () => instance.pump!(PUMP_LIMIT - done));
    if (!Number.isInteger(n) || n < 0) {
      recorder.push({ k: 'contract', op: 'pump', want: 'a count', got: String(n) });
      break;
    }
    if (n === 0) break;
    done += n;
  }
  recorder.push(done >= PUMP_LIMIT ? { k: 'pump', n: done, busy: true } : { k: 'pump', n: done, idle: true });
  if (done >= PUMP_LIMIT) session.stop(BUSY);
  return done;
}

function settleDown(session: Session): number {
  exposeSlots(session);
  const { signs, idle } = settle(session);
  session.recorder.push({ k: 'pump', n: signs, ...(idle ? { idle } : { busy: true }) });
  if (!idle) session.stop(BUSY);
  return signs;
}

/** Let the device do at most `units` units of work; one with time of its own does what it likes. */
export function workFor(session: Session, units: number): void {
  const { instance, recorder } = session;
  if (instance.wait !== undefined) {
    exposeSlots(session);
    recorder.push({ k: 'pump', n: settle(session, false).signs });
    return;
  }
  if (instance.pump === undefined) return;
  exposeSlots(session);
  const n = session.guarded('pump', () => instance.pump!(units));
  recorder.push({ k: 'pump', n });
}

/** After a breach the descriptors count as shown to the device as they stand now; packed ones whatever their flags. */
function exposeSlots({ breached, queues, memory, recorder }: Session): void {
  if (!breached) return;
  for (const queue of queues.all) {
    if (!queues.tableChanged(queue)) continue;
    const { view } = memory.host;
    const w: [number, number, number][] = [];
    const at = new Array<[number, number]>(queue.num);
    for (let i = 0; i < queue.num; i++) {
      const slot = queue.areas.desc.pa + 16 * i;
      const iova = view.getUint32(slot + 4, true) * 0x1_0000_0000 + view.getUint32(slot, true);
      const pa = memory.physical(iova);
      const length = view.getUint32(slot + 8, true);
      if (!queue.packed && pa >= 0 && (view.getUint16(slot + 12, true) & DESC_F.WRITE) !== 0)
        w.push([iova, pa, length]);
      at[i] = [pa, length];
    }
    recorder.push({ k: 'expose', w, ...(queue.packed ? { slots: { q: queue.idx, at } } : {}) });
  }
}
