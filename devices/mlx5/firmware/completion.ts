import { ANSWER, CONTEXT_AT, HEADER, LIST_AT } from '../prm/commands.ts';
import {
  CQ_DBR,
  CQC,
  CQC_DBR_AT,
  CQE,
  CQE_OPCODE,
  CQE_OWN_AT,
  CQE_SIZE,
  EQE,
  EVENT,
  QPC,
  QPC_DBR_AT,
} from '../prm/completion.ts';
import { DWORD, get64, getField, putField } from '../prm/fields.ts';
import { CommandRefused, demand } from './failure.ts';
import type { Command, Firmware } from './firmware.ts';
import { FirmwareObject } from './objects.ts';

/** Number of the event queue that completions are told on. */
export const COMPLETION_EQN = 1;
const INDEX_MASK = 0xff_ffff;

/** A completion queue: entries that the device writes into driver memory, and one event each time it is armed. */
export class CompletionQueue extends FirmwareObject {
  readonly size: number;
  readonly entries: Uint8Array;
  readonly record: Uint8Array;
  /** Entries written since creation. */
  produced = 0;
  armed = false;
  /** Queue pairs that receive into it. */
  receivers: readonly QueuePair[] = [];

  constructor(id: number, uid: number, size: number, entries: Uint8Array, record: Uint8Array) {
    super(id, uid);
    this.size = size;
    this.entries = entries;
    this.record = record;
  }

  /** Write an entry for a message that queue pair `qpn` received. False when there is no room. */
  write(qpn: number, counter: number): boolean {
    const consumed = getField(this.record, 0, CQ_DBR.set_ci);
    if (((this.produced - consumed) & INDEX_MASK) >= this.size) return false;
    const at = (this.produced % this.size) * CQE_SIZE;
    putField(this.entries, at, CQE.qpn, qpn);
    putField(this.entries, at, CQE.wqe_counter, counter);
    const owner = Math.floor(this.produced / this.size) & 1;
    this.entries[at + CQE_OWN_AT] = (CQE_OPCODE.RESP_SEND << 4) | owner;
    this.produced++;
    return true;
  }
}

/** States of a queue pair, in the order in which it gets there. */
export const QP_STATE = { RST: 0, INIT: 1, RTR: 2, RTS: 3 } as const;

/** One end of the connection through which a queue tells of used buffers. */
export class QueuePair extends FirmwareObject {
  /** Where messages are received; null on the end that the firmware keeps. */
  readonly receives: CompletionQueue | null;
  readonly record: Uint8Array | null;
  state: number = QP_STATE.RST;
  peer = 0;
  received = 0;
  /** Messages that found no receive buffer. */
  waiting = 0;

  constructor(id: number, uid: number, receives: CompletionQueue | null, record: Uint8Array | null) {
    super(id, uid);
    this.receives = receives;
    this.record = record;
  }

  /** Receive one message, if a buffer is posted for it. */
  receive(): boolean {
    if (this.record === null || this.receives === null || this.state < QP_STATE.RTR) return false;
    const posted = getField(this.record, 0, DWORD) & 0xffff;
    if (((posted - this.received) & 0xffff) === 0) return false;
    if (!this.receives.write(this.id, this.received & 0xffff)) return false;
    this.received++;
    return true;
  }
}

/** Tell the driver's end of `pair` that a buffer was used. */
export function sendCompletion(firmware: Firmware, pair: QueuePair): void {
  const peer = firmware.queuePairs.find(pair.peer);
  if (pair.state !== QP_STATE.RTS || peer === undefined) return;
  if (peer.receive()) tell(firmware, peer.receives!);
  else peer.waiting++;
}

/** One event for an armed queue, which is not armed any more then. */
function tell(firmware: Firmware, queue: CompletionQueue): void {
  if (!queue.armed) return;
  queue.armed = false;
  firmware.event((entry) => {
    putField(entry, 0, EQE.type, EVENT.COMPLETION);
    putField(entry, 0, EQE.cqn, queue.id);
  });
}

/** The driver armed a completion queue: messages that waited come now, and so does the event they call for. */
export function armCompletionQueue(firmware: Firmware, cqn: number, consumed: number): void {
  const queue = firmware.completionQueues.find(cqn);
  if (queue === undefined) return;
  queue.armed = true;
  for (const pair of queue.receivers) while (pair.waiting > 0 && pair.receive()) pair.waiting--;
  if ((queue.produced & INDEX_MASK) !== consumed) tell(firmware, queue);
}

export function createCompletionQueue(firmware: Firmware, { input, output, uid }: Command): void {
  const at = CONTEXT_AT.cq;
  demand(getField(input, at, CQC.c_eqn) === COMPLETION_EQN, 'eventQueue');
  const uar = firmware.uars.get(getField(input, at, CQC.uar_page), uid);
  const size = 2 ** getField(input, at, CQC.log_cq_size);
  const entries = pagesAt(firmware, get64(input, LIST_AT.cq), size * CQE_SIZE);
  const record = pagesAt(firmware, get64(input, at + CQC_DBR_AT), 8);
  const made = firmware.completionQueues.add((id) => new CompletionQueue(id, uid, size, entries, record));
  made.need([uar]);
  putField(output, 0, ANSWER.number, made.id);
}

export function destroyCompletionQueue(firmware: Firmware, { input, uid }: Command): void {
  firmware.completionQueues.remove(getField(input, 0, HEADER.number), uid);
}

/** A queue pair with a completion queue receives; one without is the firmware's end. */
export function createQueuePair(firmware: Firmware, { input, output, uid }: Command): void {
  const at = CONTEXT_AT.qp;
  const needs: FirmwareObject[] = [firmware.protectionDomains.get(getField(input, at, QPC.pd), uid)];
  const cqn = getField(input, at, QPC.cqn_rcv);
  let receives: CompletionQueue | null = null;
  let record: Uint8Array | null = null;
  if (cqn !== 0) {
    receives = firmware.completionQueues.get(cqn, uid);
    record = pagesAt(firmware, get64(input, at + QPC_DBR_AT), 4);
    needs.push(receives);
  }
  const made = firmware.queuePairs.add((id) => new QueuePair(id, uid, receives, record));
  made.need(needs);
  if (receives !== null) receives.receivers = [...receives.receivers, made];
  putField(output, 0, ANSWER.number, made.id);
}

export function destroyQueuePair(firmware: Firmware, { input, uid }: Command): void {
  const pair = firmware.queuePairs.remove(getField(input, 0, HEADER.number), uid);
  const { receives } = pair;
  if (receives !== null) receives.receivers = receives.receivers.filter((one) => one !== pair);
}

/** A step on the way of a queue pair; only the next one is legal, and back to the start. */
export const moveQueuePair =
  (from: number | null, to: number) =>
  (firmware: Firmware, { input, uid }: Command): void => {
    const pair = firmware.queuePairs.get(getField(input, 0, HEADER.number), uid);
    demand(from === null || pair.state === from, 'queuePairState');
    if (to === QP_STATE.RTR) {
      const peer = getField(input, CONTEXT_AT.qp, QPC.remote_qpn);
      firmware.queuePairs.get(peer, uid);
      pair.peer = peer;
    }
    if (to === QP_STATE.RST) {
      pair.received = 0;
      pair.waiting = 0;
    }
    pair.state = to;
  };

function pagesAt(firmware: Firmware, addr: number, size: number): Uint8Array {
  const bytes = firmware.memory.at(addr);
  if (bytes === undefined || bytes.length < size) throw new CommandRefused('pages');
  return bytes;
}
