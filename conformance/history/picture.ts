import type { Picture, PictureMemory, PictureQueue, PictureSlot } from '../../reports/results.ts';
import { SPLIT_USED } from '../../specs/virtio-1.1/ring-layout.ts';
import type { AddEvent, AreaEvent, HistoryEvent, StoreEvent } from './events.ts';

/** Slots of a ring that are drawn; larger rings show the neighbourhood of what is in use. */
const MOST_SLOTS = 64;

interface Drawn {
  area: AreaEvent;
  slots: PictureSlot[];
  available: number;
  used: number;
}

/** Ring and memory state after event `until`, put together from the events alone. */
export function pictureAt(events: readonly HistoryEvent[], until: number): Picture {
  const queues = new Map<number, Drawn>();
  const buffers = new Map<number, AddEvent>();
  let memory: (PictureMemory & { pa: number })[] = [];
  const place = (name: string, pa: number, iova: number, size: number, role: PictureMemory['role']) =>
    memory.push({ name, pa, iova: `0x${iova.toString(16)}`, size, role, stores: [] });
  for (let i = 0; i <= until && i < events.length; i++) {
    const event = events[i];
    switch (event.k) {
      case 'reset-done':
        queues.clear();
        buffers.clear();
        memory = [];
        break;
      case 'area':
        place(`queue ${event.q} ${event.name}`, event.pa, event.iova, event.size, event.name);
        if (event.name === 'desc') queues.set(event.q, fresh(event));
        break;
      case 'memory':
        place(event.name, event.pa, event.iova, event.size, 'other');
        break;
      case 'add':
        buffers.set(event.b, event);
        for (const [, pa] of event.r) role(memory, pa, 'readable');
        for (const [, pa] of event.w) role(memory, pa, 'writable');
        if (event.table) role(memory, event.table[1], 'table');
        occupy(queues.get(event.q), event);
        break;
      case 'publish':
        for (const b of event.b) mark(queues.get(event.q), `b${b}`, 'available');
        break;
      case 'store':
        stored(queues, memory, event);
        break;
      case 'used': {
        mark(queues.get(event.q), `b${event.b}`, 'used');
        break;
      }
    }
  }
  return {
    event: until,
    queues: [...queues.values()].map(draw),
    memory: memory
      .filter((m) => m.stores.length > 0 || m.role !== 'other')
      .slice(-40)
      .map(({ pa: _, ...rest }) => rest),
  };
}

const fresh = (area: AreaEvent): Drawn => ({
  area,
  slots: Array.from({ length: area.num }, (_, slot) => ({ slot, state: 'free' })),
  available: area.start?.index ?? 0,
  used: area.start?.index ?? 0,
});

function role(memory: (PictureMemory & { pa: number })[], pa: number, as: PictureMemory['role']): void {
  const found = memory.findLast((m) => pa >= m.pa && pa < m.pa + m.size);
  if (found) found.role = as;
}

function occupy(queue: Drawn | undefined, event: AddEvent): void {
  if (!queue) return;
  const elements = [
    ...event.r.map(([, , len]) => ({ write: false, len })),
    ...event.w.map(([, , len]) => ({ write: true, len })),
  ];
  const first = event.at ?? event.id;
  for (let i = 0; i < event.slots; i++) {
    queue.slots[(first + i) % queue.area.num] = {
      slot: (first + i) % queue.area.num,
      buffer: `b${event.b}`,
      state: 'added',
      ...(i === 0 ? { elements } : {}),
      ...(event.table ? { indirect: true } : {}),
    };
  }
}

function mark(queue: Drawn | undefined, buffer: string, state: PictureSlot['state']): void {
  if (!queue) return;
  const slots = queue.slots.filter((slot) => slot.buffer === buffer);
  for (const slot of slots) slot.state = state;
  if (state === 'available') queue.available += queue.area.packed ? slots.length : 1;
}

function stored(
  queues: Map<number, Drawn>,
  memory: (PictureMemory & { pa: number })[],
  { pa, n, v }: StoreEvent,
): void {
  const where = memory.findLast((m) => pa >= m.pa && pa + n <= m.pa + m.size);
  if (where) {
    const ring =
      where.role === 'desc' && [...queues.values()].some(({ area }) => area.packed && area.pa === where.pa);
    const allowed = where.role === 'writable' || where.role === 'device' || ring;
    if (where.stores.length < 64) where.stores.push([pa - where.pa, n, allowed]);
  }
  for (const queue of queues.values()) {
    const { area } = queue;
    if (area.packed && pa >= area.pa && pa + n <= area.pa + area.size) {
      const slot = queue.slots[Math.floor((pa - area.pa) / 16)];
      const words = Array.isArray(v) ? v : [];
      if (words.length === 2) slot.used = { len: words[0], id: words[1] & 0xffff, flags: words[1] >>> 16 };
      if (words.length === 2 || (n === 2 && (pa - area.pa) % 16 === 14)) queue.used = slot.slot;
    }
  }
  const device = where?.role === 'device' ? /^queue (\d+) /.exec(where.name) : null;
  const queue = device && queues.get(Number(device[1]));
  if (!queue || queue.area.packed || !where) return;
  const at = pa - where.pa;
  if (at === 2 && n === 2) queue.used = v as number;
  else if (at >= SPLIT_USED.ring && n === 8 && Array.isArray(v)) {
    const slot = queue.slots[Math.floor((at - SPLIT_USED.ring) / 8) % queue.area.num];
    slot.used = { id: v[0], len: v[1] };
  }
}

function draw({ area, slots, available, used }: Drawn): PictureQueue {
  const busy = slots.filter((slot) => slot.state !== 'free' || slot.used);
  return {
    queue: area.q,
    packed: area.packed,
    num: area.num,
    slots: slots.length <= MOST_SLOTS ? slots : busy.slice(-MOST_SLOTS),
    driverPosition: area.packed ? `slot ${available % area.num}` : `avail index ${available & 0xffff}`,
    devicePosition: area.packed ? `last used descriptor in slot ${used}` : `used index ${used}`,
  };
}
