import { ANSWER, CONTEXT_AT, HEADER, OBJECT } from '../prm/commands.ts';
import { get64, getField, put64, putField } from '../prm/fields.ts';
import {
  AREA_AT,
  COUNTERS_AT,
  COUNTERS_SIZE,
  EVENT_MODE,
  MODIFY,
  MODIFY_SELECT_AT,
  NET_Q,
  NET_Q_SIZE,
  Q_STATE,
  QUEUE_TYPE,
  type QueueState,
  UMEM_FIELDS,
  UMEMS_AT,
  VIRTIO_Q,
  VIRTIO_Q_AT,
} from '../prm/net-queue.ts';
import type { QueuePair } from './completion.ts';
import { CommandRefused, demand } from './failure.ts';
import type { Command, Firmware } from './firmware.ts';
import type { MemoryKey } from './memory-keys.ts';
import { FirmwareObject } from './objects.ts';

const AT = CONTEXT_AT.generalObject;
const VQ = AT + VIRTIO_Q_AT;
/** Fields that may be modified; the state is modified by a command of its own kind. */
const FIELDS =
  MODIFY.ADDRS |
  MODIFY.AVAIL_INDEX |
  MODIFY.USED_INDEX |
  MODIFY.VERSION |
  MODIFY.MKEY |
  MODIFY.FEATURES |
  MODIFY.DESC_GROUP_MKEY;

/** Counters of one queue: a set that a queue object names. */
export class CounterSet extends FirmwareObject {
  received = 0;
  completed = 0;
}

/** A virtio-net queue object (VIRTIO_NET_Q): a virtqueue that the device runs. */
export class NetQueue extends FirmwareObject {
  state: QueueState = Q_STATE.INIT;
  index = 0;
  size = 0;
  desc = 0;
  available = 0;
  used = 0;
  availableIndex = 0;
  usedIndex = 0;
  /** 13-bit mask. */
  features = 0;
  version1 = false;
  /** Keys of buffers and of ring areas; null leads nowhere. */
  key: MemoryKey | null = null;
  ringKey: MemoryKey | null = null;
  /** Where completions are told: a queue pair, a vector, or nowhere. */
  pair: QueuePair | null = null;
  vector = -1;
  counters: CounterSet | null = null;
  errorType = 0;
  /** What never changes of what the queue needs. */
  fixedNeeds: readonly FirmwareObject[] = [];
}

// ── create ────────────────────────────────────────────────────────────────────────────────────
export function createGeneralObject(firmware: Firmware, command: Command): void {
  const type = getField(command.input, 0, HEADER.obj_type);
  let made: FirmwareObject;
  if (type === OBJECT.VIRTIO_NET_Q) made = createNetQueue(firmware, command);
  else if (type === OBJECT.VIRTIO_Q_COUNTERS)
    made = firmware.counterSets.add((id) => new CounterSet(id, command.uid));
  else throw new CommandRefused('unknownObjectType');
  putField(command.output, 0, ANSWER.obj_id, made.id);
}

function createNetQueue(firmware: Firmware, { input, uid }: Command): NetQueue {
  demand(input.length >= AT + NET_Q_SIZE, 'inputTooShort');
  const draft = new NetQueue(0, uid);
  draft.index = getField(input, VQ, VIRTIO_Q.queue_index);
  demand(draft.index < firmware.shape.maxQueues, 'queueIndex');
  demand(firmware.queueAt(draft.index) === undefined, 'queueIndexTaken');
  draft.size = getField(input, VQ, VIRTIO_Q.queue_size);
  const { size } = draft;
  demand(size > 0 && size <= firmware.shape.maxQueueSize && (size & (size - 1)) === 0, 'queueSize');
  demand(getField(input, VQ, VIRTIO_Q.virtio_q_type) === QUEUE_TYPE.SPLIT, 'queueType');
  readFeatures(firmware, input, draft);
  draft.version1 = getField(input, VQ, VIRTIO_Q.virtio_version_1_0) === 1;
  demand(draft.version1, 'queueFeatures');
  readAreas(input, draft);
  draft.availableIndex = getField(input, AT, NET_Q.hw_available_index);
  draft.usedIndex = getField(input, AT, NET_Q.hw_used_index);
  const needs: FirmwareObject[] = [
    firmware.protectionDomains.get(getField(input, VQ, VIRTIO_Q.pd), uid),
    ...readUmems(firmware, input, size, uid),
  ];
  if (draft.index % 2 === 1) needs.push(firmware.tis.get(getField(input, AT, NET_Q.tisn_or_qpn), uid));
  const counters = getField(input, VQ, VIRTIO_Q.counter_set_id);
  if (counters !== 0) {
    draft.counters = firmware.counterSets.get(counters, uid);
    needs.push(draft.counters);
  }
  readEvents(firmware, input, draft, uid);
  if (draft.pair !== null) needs.push(draft.pair);
  draft.key = firmware.memoryKeys.byNumber(getField(input, VQ, VIRTIO_Q.virtio_q_mkey), uid);
  draft.ringKey = readRingKey(firmware, input, uid) ?? draft.key;
  const made = firmware.netQueues.add((id) => Object.assign(new NetQueue(id, uid), { ...draft, id }));
  made.fixedNeeds = needs;
  needKeys(made);
  firmware.engine.attach(made);
  return made;
}

function needKeys(queue: NetQueue): void {
  const keys = [queue.key, queue.ringKey].filter((key) => key !== null);
  queue.need([...queue.fixedNeeds, ...keys]);
}

function readFeatures(firmware: Firmware, input: Uint8Array, queue: NetQueue): void {
  queue.features = (getField(input, AT, NET_Q.features_12_3) << 3) | getField(input, AT, NET_Q.features_2_0);
  demand((queue.features & ~firmware.shape.features) === 0, 'queueFeatures');
}

function readAreas(input: Uint8Array, queue: NetQueue): void {
  const desc = get64(input, VQ + AREA_AT.desc);
  const available = get64(input, VQ + AREA_AT.available);
  const used = get64(input, VQ + AREA_AT.used);
  demand(desc % 16 === 0 && available % 2 === 0 && used % 4 === 0, 'queueAreas');
  Object.assign(queue, { desc, available, used });
}

function readUmems(firmware: Firmware, input: Uint8Array, queueSize: number, uid: number): FirmwareObject[] {
  return UMEMS_AT.map((at, i) => {
    const umem = firmware.umems.get(getField(input, VQ + at, UMEM_FIELDS.id), uid);
    const [a, b] = firmware.shape.umemParams[i];
    const size = getField(input, VQ + at, UMEM_FIELDS.size);
    demand(size >= a * queueSize + b && size <= umem.size, 'queueUmem');
    return umem;
  });
}

function readEvents(firmware: Firmware, input: Uint8Array, queue: NetQueue, uid: number): void {
  const mode = getField(input, VQ, VIRTIO_Q.event_mode);
  const target = getField(input, VQ, VIRTIO_Q.event_qpn_or_msix);
  demand((firmware.shape.eventModes & (1 << mode)) !== 0, 'queueEvents');
  if (mode === EVENT_MODE.QP) {
    queue.pair = firmware.queuePairs.get(target, uid);
    demand(queue.pair.receives === null, 'queueEvents');
  } else if (mode === EVENT_MODE.MSIX) {
    demand(target < firmware.shape.vectors, 'queueEvents');
    queue.vector = target;
  }
}

/** Key of the ring areas where they are a group of their own; undefined where they go with the buffers. */
function readRingKey(firmware: Firmware, input: Uint8Array, uid: number): MemoryKey | null | undefined {
  const key = getField(input, VQ, VIRTIO_Q.desc_group_mkey);
  if (key === 0) return undefined;
  demand(firmware.shape.descGroup, 'queueKey');
  return firmware.memoryKeys.byNumber(key, uid);
}

// ── modify ────────────────────────────────────────────────────────────────────────────────────
export function modifyGeneralObject(firmware: Firmware, { input, uid }: Command): void {
  demand(getField(input, 0, HEADER.obj_type) === OBJECT.VIRTIO_NET_Q, 'unknownObjectType');
  demand(input.length >= AT + NET_Q_SIZE, 'inputTooShort');
  const queue = firmware.netQueues.get(getField(input, 0, HEADER.obj_id), uid);
  const mask = get64(input, AT + MODIFY_SELECT_AT);
  demand(mask > 0 && mask <= (FIELDS | MODIFY.STATE), 'queueMask');
  demand((mask & ~(FIELDS | MODIFY.STATE)) === 0, 'queueMask');
  const fields = mask & FIELDS;
  if (fields !== 0) {
    demand(queue.state === Q_STATE.INIT || queue.state === Q_STATE.SUSPEND, 'queueRuns');
    demand(queue.state !== Q_STATE.INIT || (mask & MODIFY.STATE) === 0, 'queueMixed');
  }
  const to = getField(input, AT, NET_Q.state);
  if ((mask & MODIFY.STATE) !== 0)
    demand(isLegal(queue.state, to, firmware.shape.freezeToReady), 'queueTransition');
  const draft: NetQueue = Object.assign(new NetQueue(queue.id, uid), queue);
  modifyFields(firmware, input, draft, fields);
  const { desc, available, used, availableIndex, usedIndex, version1, features, key, ringKey } = draft;
  Object.assign(queue, {
    desc,
    available,
    used,
    availableIndex,
    usedIndex,
    version1,
    features,
    key,
    ringKey,
  });
  if ((fields & (MODIFY.MKEY | MODIFY.DESC_GROUP_MKEY)) !== 0) needKeys(queue);
  if ((mask & MODIFY.STATE) === 0) return;
  if (to === Q_STATE.SUSPEND) firmware.engine.stop(queue);
  else demand(firmware.engine.begin(queue), 'queueAreas');
  if (queue.state !== Q_STATE.ERR) queue.state = to as QueueState;
}

function isLegal(from: QueueState, to: number, freezeToReady: boolean): boolean {
  if (from === Q_STATE.INIT) return to === Q_STATE.RDY;
  if (from === Q_STATE.RDY) return to === Q_STATE.SUSPEND;
  return from === Q_STATE.SUSPEND && to === Q_STATE.RDY && freezeToReady;
}

function modifyFields(firmware: Firmware, input: Uint8Array, queue: NetQueue, fields: number): void {
  const has = (bit: number): boolean => (fields & bit) !== 0;
  if (has(MODIFY.ADDRS)) readAreas(input, queue);
  if (has(MODIFY.AVAIL_INDEX)) queue.availableIndex = getField(input, AT, NET_Q.hw_available_index);
  if (has(MODIFY.USED_INDEX)) queue.usedIndex = getField(input, AT, NET_Q.hw_used_index);
  if (has(MODIFY.VERSION)) {
    queue.version1 = getField(input, VQ, VIRTIO_Q.virtio_version_1_0) === 1;
    demand(queue.version1, 'queueFeatures');
  }
  if (has(MODIFY.FEATURES)) readFeatures(firmware, input, queue);
  if (has(MODIFY.MKEY)) {
    const key = firmware.memoryKeys.byNumber(getField(input, VQ, VIRTIO_Q.virtio_q_mkey), queue.uid);
    if (queue.ringKey === queue.key) queue.ringKey = key;
    queue.key = key;
  }
  if (has(MODIFY.DESC_GROUP_MKEY)) queue.ringKey = readRingKey(firmware, input, queue.uid) ?? queue.key;
}

// ── query and destroy ─────────────────────────────────────────────────────────────────────────
export function queryGeneralObject(firmware: Firmware, { input, output, uid }: Command): void {
  const type = getField(input, 0, HEADER.obj_type);
  const id = getField(input, 0, HEADER.obj_id);
  if (type === OBJECT.VIRTIO_NET_Q) queryNetQueue(firmware, firmware.netQueues.get(id, uid), output);
  else if (type === OBJECT.VIRTIO_Q_COUNTERS)
    queryCounters(firmware, firmware.counterSets.get(id, uid), output);
  else throw new CommandRefused('unknownObjectType');
  putField(output, 0, ANSWER.obj_id, id);
}

function queryNetQueue(firmware: Firmware, queue: NetQueue, output: Uint8Array): void {
  demand(output.length >= AT + NET_Q_SIZE, 'outputTooShort');
  firmware.engine.locate(queue);
  putField(output, AT, NET_Q.features_12_3, queue.features >> 3);
  putField(output, AT, NET_Q.features_2_0, queue.features & 7);
  putField(output, AT, NET_Q.state, queue.state);
  putField(output, AT, NET_Q.hw_available_index, queue.availableIndex);
  putField(output, AT, NET_Q.hw_used_index, queue.usedIndex);
  putField(output, VQ, VIRTIO_Q.queue_index, queue.index);
  putField(output, VQ, VIRTIO_Q.queue_size, queue.size);
  putField(output, VQ, VIRTIO_Q.virtio_version_1_0, queue.version1 ? 1 : 0);
  putField(output, VQ, VIRTIO_Q.error_type, queue.errorType);
  put64(output, VQ + AREA_AT.desc, queue.desc);
  put64(output, VQ + AREA_AT.available, queue.available);
  put64(output, VQ + AREA_AT.used, queue.used);
}

function queryCounters(firmware: Firmware, counters: CounterSet, output: Uint8Array): void {
  demand(output.length >= AT + COUNTERS_SIZE, 'outputTooShort');
  firmware.engine.count(counters);
  put64(output, AT + COUNTERS_AT.received_desc, counters.received);
  put64(output, AT + COUNTERS_AT.completed_desc, counters.completed);
}

export function destroyGeneralObject(firmware: Firmware, { input, uid }: Command): void {
  const type = getField(input, 0, HEADER.obj_type);
  const id = getField(input, 0, HEADER.obj_id);
  if (type === OBJECT.VIRTIO_NET_Q) firmware.engine.detach(firmware.netQueues.remove(id, uid));
  else if (type === OBJECT.VIRTIO_Q_COUNTERS) firmware.counterSets.remove(id, uid);
  else throw new CommandRefused('unknownObjectType');
}
