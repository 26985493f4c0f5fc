import { ANSWER, CONTEXT_AT, HEADER, LIST_AT } from '../prm/commands.ts';
import { getField, putField } from '../prm/fields.ts';
import {
  CRITERIA_OUTER_HEADERS,
  DESTINATION_TIR,
  DISP_TYPE,
  FLOW_ACTION_FORWARD,
  FLOW_ENTRY,
  FLOW_GROUP,
  FLOW_TABLE,
  HASH_FN,
  L2_ENTRY,
  L2_MAC_AT,
  MATCH_AT,
  OUTER,
  RQT_VIRTIO_NET_Q,
  RQTC,
  TIRC,
  TISC,
  TOEPLITZ_KEY_AT,
  TOEPLITZ_KEY_SIZE,
} from '../prm/steering.ts';
import { demand } from './failure.ts';
import type { Command, Firmware } from './firmware.ts';
import type { NetQueue } from './net-queues.ts';
import { FirmwareObject } from './objects.ts';

/** Receive queue table: where the hash leads. Its list has a power of two of entries. */
export class ReceiveTable extends FirmwareObject {
  readonly maxSize: number;
  queues: readonly NetQueue[] = [];
  constructor(id: number, uid: number, maxSize: number) {
    super(id, uid);
    this.maxSize = maxSize;
  }
}

/** Transport interface for receive: spreads packets over a receive queue table by a hash. */
export class ReceiveInterface extends FirmwareObject {
  readonly table: ReceiveTable;
  readonly key: Uint8Array;
  /** Hash TCP over IPv4; everything else goes to the first entry. */
  readonly hashesTcp4: boolean;
  readonly symmetric: boolean;
  constructor(
    id: number,
    uid: number,
    table: ReceiveTable,
    key: Uint8Array,
    tcp4: boolean,
    symmetric: boolean,
  ) {
    super(id, uid);
    this.table = table;
    this.key = key;
    this.hashesTcp4 = tcp4;
    this.symmetric = symmetric;
  }
}

/** Outer header fields as flow rules compare them; a mask and a value of each. */
export interface Match {
  readonly dmac: number;
  readonly vid: number;
  readonly tagged: number;
}

export class FlowTable extends FirmwareObject {
  readonly size: number;
  /** Rules by flow index: a lower index wins. */
  readonly rules = new Map<number, FlowRule>();
  constructor(id: number, uid: number, size: number) {
    super(id, uid);
    this.size = size;
  }
}

export class FlowGroup extends FirmwareObject {
  readonly table: FlowTable;
  readonly first: number;
  readonly last: number;
  readonly criteria: Match;
  constructor(id: number, uid: number, table: FlowTable, first: number, last: number, criteria: Match) {
    super(id, uid);
    this.table = table;
    this.first = first;
    this.last = last;
    this.criteria = criteria;
  }
}

/** An entry of a flow table: what it matches, and where matching packets go. */
export class FlowRule extends FirmwareObject {
  readonly mask: Match;
  readonly value: Match;
  readonly target: ReceiveInterface;
  constructor(id: number, uid: number, mask: Match, value: Match, target: ReceiveInterface) {
    super(id, uid);
    this.mask = mask;
    this.value = value;
    this.target = target;
  }
}

// ── transport interfaces and receive queue tables ─────────────────────────────────────────────
export function createTransmitInterface(firmware: Firmware, { input, output, uid }: Command): void {
  const domain = firmware.transportDomains.get(getField(input, CONTEXT_AT.tis, TISC.transport_domain), uid);
  const made = firmware.tis.add((id) => new FirmwareObject(id, uid));
  made.need([domain]);
  putField(output, 0, ANSWER.number, made.id);
}

export function destroyTransmitInterface(firmware: Firmware, { input, uid }: Command): void {
  firmware.tis.remove(getField(input, 0, HEADER.number), uid);
}

export function createReceiveTable(firmware: Firmware, { input, output, uid }: Command): void {
  demand(getField(input, CONTEXT_AT.rqt, RQTC.list_q_type) === RQT_VIRTIO_NET_Q, 'tableType');
  const maxSize = getField(input, CONTEXT_AT.rqt, RQTC.rqt_max_size);
  demand(isPowerOfTwo(maxSize), 'tableSize');
  const queues = readReceiveQueues(firmware, input, maxSize, uid);
  const made = firmware.receiveTables.add((id) => new ReceiveTable(id, uid, maxSize));
  fill(made, queues);
  putField(output, 0, ANSWER.number, made.id);
}

export function modifyReceiveTable(firmware: Firmware, { input, uid }: Command): void {
  const table = firmware.receiveTables.get(getField(input, 0, HEADER.number), uid);
  fill(table, readReceiveQueues(firmware, input, table.maxSize, uid));
  firmware.engine.steeringChanged();
}

export function destroyReceiveTable(firmware: Firmware, { input, uid }: Command): void {
  firmware.receiveTables.remove(getField(input, 0, HEADER.number), uid);
}

function fill(table: ReceiveTable, queues: readonly NetQueue[]): void {
  table.queues = queues;
  table.need(queues);
}

function readReceiveQueues(firmware: Firmware, input: Uint8Array, maxSize: number, uid: number): NetQueue[] {
  const count = getField(input, CONTEXT_AT.rqt, RQTC.rqt_actual_size);
  demand(isPowerOfTwo(count) && count <= maxSize, 'tableSize');
  demand(LIST_AT.rqt + count * 4 <= input.length, 'inputTooShort');
  return Array.from({ length: count }, (_, i) => {
    const queue = firmware.netQueues.get(getField(input, LIST_AT.rqt + i * 4, [0, 23, 0]), uid);
    demand(queue.index % 2 === 0, 'queueIndex');
    return queue;
  });
}

export function createReceiveInterface(firmware: Firmware, { input, output, uid }: Command): void {
  const at = CONTEXT_AT.tir;
  const domain = firmware.transportDomains.get(getField(input, at, TIRC.transport_domain), uid);
  demand(getField(input, at, TIRC.disp_type) === DISP_TYPE.INDIRECT, 'hash');
  demand(getField(input, at, TIRC.rx_hash_fn) === HASH_FN.TOEPLITZ, 'hash');
  const table = firmware.receiveTables.get(getField(input, at, TIRC.indirect_table), uid);
  const key = input.slice(at + TOEPLITZ_KEY_AT, at + TOEPLITZ_KEY_AT + TOEPLITZ_KEY_SIZE);
  const fields = getField(input, at, TIRC.selected_fields);
  const tcp4 =
    fields === 15 &&
    getField(input, at, TIRC.l3_prot_type) === 0 &&
    getField(input, at, TIRC.l4_prot_type) === 0;
  const symmetric = getField(input, at, TIRC.rx_hash_symmetric) === 1;
  const made = firmware.receiveInterfaces.add(
    (id) => new ReceiveInterface(id, uid, table, key, tcp4, symmetric),
  );
  made.need([domain, table]);
  putField(output, 0, ANSWER.number, made.id);
}

export function destroyReceiveInterface(firmware: Firmware, { input, uid }: Command): void {
  firmware.receiveInterfaces.remove(getField(input, 0, HEADER.number), uid);
}

// ── flow tables ───────────────────────────────────────────────────────────────────────────────
export function createFlowTable(firmware: Firmware, { input, output, uid }: Command): void {
  const log = getField(input, 0, FLOW_TABLE.log_size);
  demand(log <= 16, 'tableSize');
  const made = firmware.flowTables.add((id) => new FlowTable(id, uid, 2 ** log));
  putField(output, 0, ANSWER.number, made.id);
}

export function destroyFlowTable(firmware: Firmware, { input, uid }: Command): void {
  firmware.flowTables.remove(getField(input, 0, FLOW_GROUP.table_id), uid);
}

export function createFlowGroup(firmware: Firmware, { input, output, uid }: Command): void {
  const table = firmware.flowTables.get(getField(input, 0, FLOW_GROUP.table_id), uid);
  const first = getField(input, 0, FLOW_GROUP.start_flow_index);
  const last = getField(input, 0, FLOW_GROUP.end_flow_index);
  demand(first <= last && last < table.size, 'flowIndex');
  demand(getField(input, 0, FLOW_GROUP.match_criteria_enable) === CRITERIA_OUTER_HEADERS, 'flowMatch');
  const criteria = readMatch(input, MATCH_AT.group);
  const made = firmware.flowGroups.add((id) => new FlowGroup(id, uid, table, first, last, criteria));
  made.need([table]);
  putField(output, 0, ANSWER.number, made.id);
}

export function destroyFlowGroup(firmware: Firmware, { input, uid }: Command): void {
  firmware.flowGroups.remove(getField(input, 0, FLOW_GROUP.group_id), uid);
}

export function setFlowEntry(firmware: Firmware, { input, uid }: Command): void {
  const table = firmware.flowTables.get(getField(input, 0, FLOW_ENTRY.table_id), uid);
  const group = firmware.flowGroups.get(getField(input, 0, FLOW_ENTRY.group_id), uid);
  const index = getField(input, 0, FLOW_ENTRY.flow_index);
  demand(group.table === table && index >= group.first && index <= group.last, 'flowIndex');
  const action = getField(input, 0, FLOW_ENTRY.action);
  const count = getField(input, 0, FLOW_ENTRY.destination_list_size);
  const type = getField(input, 0, FLOW_ENTRY.destination_type);
  demand(action === FLOW_ACTION_FORWARD && count === 1 && type === DESTINATION_TIR, 'flowAction');
  const target = firmware.receiveInterfaces.get(getField(input, 0, FLOW_ENTRY.destination_id), uid);
  const rule = new FlowRule(index, uid, group.criteria, readMatch(input, MATCH_AT.entry), target);
  table.rules.get(index)?.need([]);
  rule.need([table, group, target]);
  table.rules.set(index, rule);
}

export function deleteFlowEntry(firmware: Firmware, { input, uid }: Command): void {
  const table = firmware.flowTables.get(getField(input, 0, FLOW_ENTRY.table_id), uid);
  const index = getField(input, 0, FLOW_ENTRY.flow_index);
  const rule = table.rules.get(index);
  demand(rule !== undefined, 'noSuchObject');
  rule!.need([]);
  table.rules.delete(index);
}

function readMatch(input: Uint8Array, at: number): Match {
  return {
    dmac: getField(input, at, OUTER.dmac_47_16) * 0x1_0000 + getField(input, at, OUTER.dmac_15_0),
    vid: getField(input, at, OUTER.first_vid),
    tagged: getField(input, at, OUTER.cvlan_tag),
  };
}

// ── addresses that the embedded switch sends here ─────────────────────────────────────────────
export function setL2Entry(firmware: Firmware, { input }: Command): void {
  const index = getField(input, 0, L2_ENTRY.table_index);
  let mac = 0;
  for (let i = 0; i < 6; i++) mac = mac * 0x100 + input[L2_MAC_AT + i];
  if (firmware.l2Table.size === 0) firmware.engine.portOpens();
  firmware.l2Table.set(index, mac);
}

export function deleteL2Entry(firmware: Firmware, { input }: Command): void {
  demand(firmware.l2Table.delete(getField(input, 0, L2_ENTRY.table_index)), 'noSuchObject');
  if (firmware.l2Table.size === 0) firmware.engine.portOpens();
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}
