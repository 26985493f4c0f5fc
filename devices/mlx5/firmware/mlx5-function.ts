import type { DevicePort } from '../../../framework/memory/host-memory.ts';
import type { FunctionAccess } from '../driver/access.ts';
import { DriverMemory } from '../driver-memory.ts';
import { UAR_CQ_DB_AT } from '../prm/completion.ts';
import { DOORBELL_OFFSET } from './capabilities.ts';
import { armCompletionQueue } from './completion.ts';
import { DataEngine } from './data-engine.ts';
import { Firmware } from './firmware.ts';
import type { FunctionShape } from './shape.ts';

/** Physical address of the BAR. */
const BAR = 0xf000_0000;
const PAGE = 4096;

/** A ConnectX function: firmware, the engine behind it, and the doorbells in front. */
export class Mlx5Function implements FunctionAccess {
  readonly memory = new DriverMemory();
  readonly engine: DataEngine;
  readonly firmware: Firmware;
  readonly barAddress = BAR;

  constructor(shape: FunctionShape, port: DevicePort) {
    this.engine = new DataEngine(shape, port);
    this.firmware = new Firmware(shape, this.engine, this.memory);
    this.engine.firmware = this.firmware;
  }

  execute(input: Uint8Array, outputLength: number): Uint8Array {
    return this.firmware.execute(input, outputLength);
  }

  /**
   * A store to the BAR. The page of doorbells takes the index of a virtqueue, in 16 bits or 32; a page of an UAR the
   * arming of a completion queue: consumer index in `value`, number in `low`.
   */
  writeBar(offset: number, value: number, low = 0): void {
    if (offset >= DOORBELL_OFFSET && offset < DOORBELL_OFFSET + PAGE) this.engine.kickVq(value & 0xffff);
    else if (offset % PAGE === UAR_CQ_DB_AT)
      armCompletionQueue(this.firmware, low & 0xff_ffff, value & 0xff_ffff);
  }

  onEvent(handler: (entry: Uint8Array) => void): void {
    this.firmware.onEvent = handler;
  }

  onInterrupt(handler: (vector: number) => void): void {
    this.engine.onInterrupt = handler;
  }
}
