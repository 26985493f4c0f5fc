import type { DeviceFacts } from '../../conformance/runner/device-facts.ts';
import { between, chance, type Draw, pick } from '../draw.ts';
import { offers } from '../scenes/scene.ts';
import { about, type DrawnStep, step } from '../strategy.ts';

/** What the commands so far have set up, as the specification has it. */
interface SetUp {
  promisc: boolean;
  allmulti: boolean;
  /** First number of the table entries in force, four of each kind; null before the first table. */
  table: number | null;
  vlans: Set<number>;
  /** Queue pairs in use. */
  pairs: number;
}

/**
 * Control commands, migrations, and frames that tell whether what the commands have set up is still in force. Only what
 * must arrive is looked for: a filter may let more through.
 */
export function drawControl(facts: DeviceFacts, draw: Draw, count: number): DrawnStep[] {
  const features = ['net.CTRL_VQ', 'net.CTRL_RX', 'net.MAC'];
  const further = [
    'RING_PACKED',
    'EVENT_IDX',
    'INDIRECT_DESC',
    'net.CTRL_VLAN',
    'net.CTRL_MAC_ADDR',
    'net.MQ',
  ];
  for (const name of further) if (offers(facts, name) && chance(draw, 50)) features.push(name);
  const set: SetUp = { promisc: false, allmulti: false, table: null, vlans: new Set(), pairs: 1 };
  const steps = [step('bring-up', { features, size: pick(draw, [8, 16, 64]) }), step('net-quiet-filter')];
  for (let i = 0; i < count; i++) {
    for (let n = between(draw, 1, 3); n > 0; n--) steps.push(command(facts, draw, features, set));
    if (chance(draw, 30)) steps.push(late(draw, i, set));
    steps.push(step('migrate'), step('quiet'));
    for (let n = between(draw, 1, 3); n > 0; n--) steps.push(probe(draw, set));
  }
  return steps;
}

const NO_OFFLOADS = '00 00 00 00 00 00 00 00';
/** GUEST_CSUM and GUEST_TSO4 (section 5.1.6.5.6.1). */
const ALL_OFFLOADS = '82 00 00 00 00 00 00 00';

/** Offloads that are switched while devices change: a driver that switched them off gets plain frames only. */
export function drawOffloads(facts: DeviceFacts, draw: Draw, count: number): DrawnStep[] {
  const features = ['net.CTRL_VQ', 'net.CTRL_GUEST_OFFLOADS', 'net.GUEST_CSUM', 'net.GUEST_TSO4'];
  if (offers(facts, 'RING_PACKED') && chance(draw, 50)) features.push('RING_PACKED');
  const steps = [step('bring-up', { features, size: 64 })];
  for (let i = 0; i < count; i++) {
    const off = chance(draw, 60);
    const data = off ? NO_OFFLOADS : ALL_OFFLOADS;
    steps.push(step('net-ctrl', { class: 'offloads', data, ack: 'model' }), step('migrate'));
    steps.push(step('net-rx', { post: { count: 4, size: 4096 } }), step('net-rx', { forget: true }));
    const hdr = off ? { hdr: { flags: 0, gso_type: 0 } } : {};
    steps.push(step('peer', { send: 'P3' }));
    steps.push(about('P1.1-027v', step('net-rx', { expect: { frames: 'P3', ...hdr } })));
  }
  return steps;
}

function command(facts: DeviceFacts, draw: Draw, features: readonly string[], set: SetUp): DrawnStep {
  const kinds = ['promisc', 'allmulti', 'table', 'table'];
  if (features.includes('net.CTRL_VLAN')) kinds.push('vlan', 'vlan');
  if (features.includes('net.CTRL_MAC_ADDR')) kinds.push('mac');
  if (features.includes('net.MQ')) kinds.push('pairs');
  const on = chance(draw, 50);
  const ctrl = (args: Record<string, unknown>) => step('net-ctrl', { ...args, ack: 'model' });
  switch (pick(draw, kinds)) {
    case 'promisc':
      set.promisc = on;
      return ctrl({ class: 'rx', command: 0, data: on ? '01' : '00' });
    case 'allmulti':
      set.allmulti = on;
      return ctrl({ class: 'rx', command: 1, data: on ? '01' : '00' });
    case 'vlan': {
      const id = between(draw, 1, 6);
      if (on) set.vlans.add(id);
      else set.vlans.delete(id);
      return ctrl({ class: 'vlan', command: on ? 0 : 1, data: `0${id} 00` });
    }
    case 'mac':
      return ctrl({ class: 'mac', command: 1, data: `02000000000${between(draw, 1, 9)}` });
    case 'pairs': {
      const pairs = between(draw, 1, Math.min(8, facts.values.max_virtqueue_pairs as number));
      set.pairs = pairs;
      return ctrl({ class: 'mq', command: 0, data: `0${pairs} 00` });
    }
    default: {
      const from = 10 * between(draw, 0, 5);
      set.table = from;
      const macs = { unicast: `uni-${from}..${from + 3}`, multicast: `multi-${from}..${from + 3}` };
      return ctrl({ class: 'mac', command: 0, 'mac-table': macs });
    }
  }
}

/** A command that is under way when the device is stopped. */
function late(draw: Draw, i: number, set: SetUp): DrawnStep {
  set.promisc = chance(draw, 50);
  const data = set.promisc ? '01' : '00';
  return step('net-ctrl', { class: 'rx', command: 0, data, wait: false, as: `late${i}` });
}

/** A frame that has to arrive. */
function probe(draw: Draw, { promisc, allmulti, table, vlans, pairs }: SetUp): DrawnStep {
  if (pairs > 1 && chance(draw, 25)) {
    const flows = { flows: 4, replies: 18, tx: [2, 1], follows: 16, within: pairs };
    return about('V1.1-5.1.6.5.5-N4', step('net-flows', flows));
  }
  const known: Record<string, unknown>[] = [{ to: 'dev' }];
  if (table !== null)
    known.push({ to: `uni-${table + draw.int(4)}` }, { to: `multi-${table + draw.int(4)}` });
  if (promisc) known.push({ to: 'uni-99' }, { to: 'multi-99' });
  if (allmulti) known.push({ to: 'multi-98' });
  for (const vlan of vlans) known.push({ to: 'dev', vlan });
  const rule = 'P1.1-027q';
  return about(rule, step('net-probe', { ...pick(draw, known), received: true }));
}
