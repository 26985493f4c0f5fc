import type { DriverPages } from '../driver-memory.ts';
import { CONTEXT_AT, HEADER, LENGTH, LIST_AT, type OpcodeName } from '../prm/commands.ts';
import {
  CQ_DBR,
  CQC,
  CQC_DBR_AT,
  CQE_OPCODE,
  CQE_OWN_AT,
  CQE_SIZE,
  QPC,
  QPC_DBR_AT,
  UAR_CQ_DB_AT,
} from '../prm/completion.ts';
import { DWORD, put64, putField } from '../prm/fields.ts';
import type { FunctionAccess } from './access.ts';
import type { Mlx5Commands } from './commands.ts';

const COMPLETION_EQN = 1;
const PAGE = 4096;
const WQE_STRIDE = 16;

/**
 * How a queue tells of used buffers without a vector of its own: the firmware's queue pair sends a message to the
 * driver's for each, and the driver finds it in a completion queue.
 */
export class CompletionChannel {
  readonly #access: FunctionAccess;
  readonly #commands: Mlx5Commands;
  readonly #uar: number;
  readonly #size: number;
  readonly #entries: DriverPages;
  /** Doorbell records: 8 bytes of the completion queue, then 4 of the receive queue. */
  readonly #records: DriverPages;
  #consumed = 0;
  #posted = 0;
  cqn = 0;
  /** The driver's end, and the firmware's, which the queue object names. */
  qpn = 0;
  firmwareQpn = 0;

  /** @throws CommandFailed, and nothing is left */
  constructor(access: FunctionAccess, commands: Mlx5Commands, pd: number, uar: number, size: number) {
    this.#access = access;
    this.#commands = commands;
    this.#uar = uar;
    this.#size = size;
    this.#entries = access.memory.allocate(size * CQE_SIZE);
    this.#records = access.memory.allocate(12);
    for (let i = 0; i < size; i++) this.#entries.bytes[i * CQE_SIZE + CQE_OWN_AT] = CQE_OPCODE.INVALID << 4;
    try {
      this.#connect(pd);
    } catch (error) {
      this.destroy();
      throw error;
    }
    this.#post(size);
    this.arm();
  }

  #connect(pd: number): void {
    const cq = CONTEXT_AT.cq;
    this.cqn = this.#commands.create('CREATE_CQ', LIST_AT.cq + 8, (input) => {
      putField(input, cq, CQC.log_cq_size, Math.log2(this.#size));
      putField(input, cq, CQC.uar_page, this.#uar);
      putField(input, cq, CQC.c_eqn, COMPLETION_EQN);
      put64(input, cq + CQC_DBR_AT, this.#records.addr);
      put64(input, LIST_AT.cq, this.#entries.addr);
    });
    const qp = CONTEXT_AT.qp;
    this.qpn = this.#commands.create('CREATE_QP', LIST_AT.qp + 8, (input) => {
      putField(input, qp, QPC.pd, pd);
      putField(input, qp, QPC.log_rq_size, Math.log2(this.#size));
      putField(input, qp, QPC.uar_page, this.#uar);
      putField(input, qp, QPC.cqn_rcv, this.cqn);
      put64(input, qp + QPC_DBR_AT, this.#records.addr + 8);
      put64(input, LIST_AT.qp, this.#access.memory.reserve(this.#size * WQE_STRIDE));
    });
    this.firmwareQpn = this.#commands.create('CREATE_QP', LIST_AT.qp, (input) =>
      putField(input, qp, QPC.pd, pd),
    );
    const both = [this.qpn, this.firmwareQpn];
    for (const qpn of both) this.#commands.destroy('QP_2RST', qpn);
    for (const qpn of both) this.#move('RST2INIT_QP', qpn, 0);
    for (const [i, qpn] of both.entries()) this.#move('INIT2RTR_QP', qpn, both[1 - i]);
    this.#move('RTR2RTS_QP', this.firmwareQpn, 0);
  }

  #move(opcode: OpcodeName, qpn: number, remote: number): void {
    this.#commands.run(opcode, LENGTH.list, (input) => {
      putField(input, 0, HEADER.number, qpn);
      putField(input, CONTEXT_AT.qp, QPC.remote_qpn, remote);
    });
  }

  /** Take what has arrived, and give its receive buffers back. Returns how many messages. */
  poll(): number {
    let count = 0;
    for (; this.#arrived(); count++) this.#consumed++;
    if (count === 0) return 0;
    putField(this.#records.bytes, 0, CQ_DBR.set_ci, this.#consumed);
    this.#post(count);
    return count;
  }

  #arrived(): boolean {
    const own = this.#entries.bytes[(this.#consumed % this.#size) * CQE_SIZE + CQE_OWN_AT];
    const phase = Math.floor(this.#consumed / this.#size) & 1;
    return own >> 4 !== CQE_OPCODE.INVALID && (own & 1) === phase;
  }

  #post(count: number): void {
    this.#posted = (this.#posted + count) & 0xffff;
    putField(this.#records.bytes, 8, DWORD, this.#posted);
  }

  /** Ask for an event with the next message. */
  arm(): void {
    putField(this.#records.bytes, 0, CQ_DBR.arm, this.#consumed & 0xff_ffff);
    this.#access.writeBar(this.#uar * PAGE + UAR_CQ_DB_AT, this.#consumed & 0xff_ffff, this.cqn);
  }

  destroy(): void {
    for (const qpn of [this.firmwareQpn, this.qpn]) if (qpn !== 0) this.#commands.destroy('DESTROY_QP', qpn);
    if (this.cqn !== 0) this.#commands.destroy('DESTROY_CQ', this.cqn);
    this.firmwareQpn = 0;
    this.qpn = 0;
    this.cqn = 0;
    this.#access.memory.free(this.#entries);
    this.#access.memory.free(this.#records);
  }
}
