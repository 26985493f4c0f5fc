import { statusNames } from '../../specs/virtio-1.1/status.ts';
import type { HistoryEvent } from './events.ts';

/** A migration, by its phase. */
const MIGRATION = {
  stopped: (to: string) => `the device is stopped, to go on as ${to}`,
  starting: (to: string) => `${to} starts in its place`,
  done: (to: string) => `${to} runs in its place`,
} as const;

/** One event in words, and who acts; null for events that only bracket others. */
export function describeEvent(
  event: HistoryEvent,
): { from: 'driver' | 'device' | 'suite'; text: string } | null {
  switch (event.k) {
    case 'op':
      return { from: 'driver', text: describeOp(event) };
    case 'throw':
      return { from: 'device', text: `${event.op} threw ${event.error}` };
    case 'contract':
      return { from: 'device', text: `${event.op} returned ${event.got}, not ${event.want}` };
    case 'add':
      return {
        from: 'driver',
        text: `buffer b${event.b} into queue ${event.q}, id ${event.id}: ${elements(event)}`,
      };
    case 'publish':
      return {
        from: 'driver',
        text: `queue ${event.q}: available ${event.b.map((b) => `b${b}`).join(', ')}`,
      };
    case 'store':
      return {
        from: 'device',
        text: `stores ${event.n} bytes at pa ${hex(event.pa)}${storedValue(event.v)}`,
      };
    case 'compared':
      return { from: 'suite', text: 'stores of the device are found by comparing memory' };
    case 'load':
      return { from: 'device', text: `loads ${event.n} bytes at pa ${hex(event.pa)}` };
    case 'fault':
      return {
        from: 'device',
        text: `${event.access} of ${event.n} bytes at iova ${hex(event.iova)} refused: ${event.why}`,
      };
    case 'irq':
      return {
        from: 'device',
        text: `notifies queue ${event.q}${event.old ? ' through a callback that was replaced' : ''}`,
      };
    case 'config-irq':
      return { from: 'device', text: `notifies a configuration change; status ${statusNames(event.status)}` };
    case 'used': {
      const buffer = event.b < 0 ? `unknown id ${event.id}` : `b${event.b}`;
      return {
        from: 'driver',
        text: `queue ${event.q}: takes back ${buffer}, length ${event.len ?? 'not told (batch)'}`,
      };
    }
    case 'map':
      return {
        from: 'driver',
        text: `${event.perm === 0 ? 'unmaps' : `maps ${['', 'ro', 'wo', 'rw'][event.perm]}`} iova ${hex(event.iova)} +${event.size}`,
      };
    case 'pump':
      return {
        from: 'suite',
        text: event.busy
          ? `the device is still busy after ${event.n} units of work`
          : `the device worked: ${event.n} units`,
      };
    case 'breach':
      return { from: 'driver', text: `breaks a rule: ${event.what}` };
    case 'backend':
      return { from: 'suite', text: `behind the device: ${event.what}` };
    case 'notify':
      return {
        from: 'driver',
        text: `queue ${event.q}: wants notifications: ${event.mode}${event.at === undefined ? '' : ` at ${event.at}`}`,
      };
    case 'kick-not-needed':
      return { from: 'driver', text: `queue ${event.q}: the device asks for no kick` };
    case 'migrate':
      return { from: 'suite', text: MIGRATION[event.phase](event.to) };
    case 'dirty-log':
      return {
        from: 'driver',
        text: `${event.on ? 'gives' : 'takes back'} a dirty log at pa ${hex(event.pa)}`,
      };
    case 'reset-done':
      return { from: 'device', text: 'status reads 0: the reset is done' };
    case 'access':
      return {
        from: 'driver',
        text: event.w
          ? `${event.space} +${hex(event.at)} := ${hex(event.v)} (${event.n} bytes)`
          : `${event.space} +${hex(event.at)} reads ${hex(event.v)} (${event.n} bytes)`,
      };
    case 'stop':
      return { from: 'suite', text: `the steps stop: ${event.why}` };
    default:
      return null;
  }
}

const hex = (n: number) => `0x${n.toString(16)}`;

const storedValue = (v: number | number[] | undefined) =>
  v === undefined ? '' : ` = ${Array.isArray(v) ? v.map(hex).join(' ') : hex(v)}`;

function elements({ r, w, table }: { r: number[][]; w: number[][]; table?: number[] }): string {
  const parts = [...r.map(([, , n]) => `R${n}`), ...w.map(([, , n]) => `W${n}`)].join(' ');
  return table ? `${parts}, through a table` : parts;
}

function describeOp({ op, a, r }: { op: string; a: (number | string | boolean)[]; r?: unknown }): string {
  if (op === 'setStatus') return `setStatus(${statusNames(a[0] as number)})`;
  if (op === 'getStatus') return `getStatus() = ${statusNames(Number(r ?? 0))}`;
  const big = (x: number | string | boolean) => (typeof x === 'number' && x > 0xffff ? hex(x) : String(x));
  const result =
    r === undefined
      ? ''
      : ` = ${Array.isArray(r) ? r.map((b) => b.toString(16).padStart(2, '0')).join(' ') : r}`;
  return `${op}(${a.map(big).join(', ')})${result}`;
}
