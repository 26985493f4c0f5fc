import type { IfcvfHardware } from './hardware.ts';

const NO_VECTOR = 0xffff;
const MSIX_ENABLE = 1 << 15;
const CONFIG_INTERRUPT = 2;

/** Who is called for what. */
export interface InterruptTarget {
  queueInterrupt(q: number): void;
  configInterrupt(): void;
}

/**
 * How events share the vectors that there are: `own`: each queue has one, the configuration the last;
 * `queues-share`: queues have vector 0, the configuration vector 1; `all-share`: vector 0 for everything.
 */
export type VectorMode = 'own' | 'queues-share' | 'all-share';

/** MSI-X of an IFCVF function, requested at the transition to DRIVER_OK and freed by a reset. */
export class IfcvfInterrupts {
  readonly #hardware: IfcvfHardware;
  readonly #target: InterruptTarget;
  /** null: nothing requested. */
  mode: VectorMode | null = null;

  constructor(hardware: IfcvfHardware, target: InterruptTarget) {
    this.#hardware = hardware;
    this.#target = target;
    hardware.access.interrupts.onMessage = (vector) => this.#message(vector);
  }

  /** Vectors that the function has. */
  get available(): number {
    const { access, msixAt } = this.#hardware;
    return msixAt === 0 ? 0 : (access.readConfig(msixAt + 2, 2) & 0x7ff) + 1;
  }

  /** What `request` would choose; null: there are no vectors. */
  get possible(): VectorMode | null {
    const { queueCount } = this.#hardware;
    if (this.available > queueCount) return 'own';
    return this.available > 1 ? 'queues-share' : this.available === 1 ? 'all-share' : null;
  }

  /** Program vectors and map all events to them. False when there are none, or the device refuses one. */
  request(): boolean {
    const { access, msixAt, queueCount } = this.#hardware;
    const mode = this.possible;
    if (mode === null) return false;
    const last = mode === 'own' ? queueCount : mode === 'queues-share' ? 1 : 0;
    access.writeConfig(msixAt + 2, 2, access.readConfig(msixAt + 2, 2) | MSIX_ENABLE);
    for (let vector = 0; vector <= last; vector++) this.#program(vector);
    this.mode = mode;
    for (let q = 0; q < queueCount; q++) {
      const vector = mode === 'own' ? q : 0;
      this.#hardware.setOf(q, 'queue_msix_vector', vector);
      if (this.#hardware.get('queue_msix_vector') !== vector) return this.#refused();
    }
    this.#hardware.set('msix_config', last);
    return this.#hardware.get('msix_config') === last || this.#refused();
  }

  /** No event has a vector any more, and MSI-X is off. */
  free(): void {
    const { access, msixAt, queueCount } = this.#hardware;
    if (this.mode === null) return;
    this.mode = null;
    for (let q = 0; q < queueCount; q++) this.#hardware.setOf(q, 'queue_msix_vector', NO_VECTOR);
    this.#hardware.set('msix_config', NO_VECTOR);
    access.writeConfig(msixAt + 2, 2, access.readConfig(msixAt + 2, 2) & ~MSIX_ENABLE);
  }

  #refused(): false {
    this.free();
    return false;
  }

  #program(vector: number): void {
    const { access, msixAt } = this.#hardware;
    const table = access.readConfig(msixAt + 4, 4);
    const bar = table & 7;
    const at = table - bar + 16 * vector;
    const { address, data } = access.interrupts.message(vector);
    access.writeBar(bar, at, 4, address >>> 0);
    access.writeBar(bar, at + 4, 4, Math.floor(address / 2 ** 32));
    access.writeBar(bar, at + 8, 4, data);
    access.writeBar(bar, at + 12, 4, 0);
  }

  #message(vector: number): void {
    const { queueCount } = this.#hardware;
    if (this.mode === 'own') {
      if (vector < queueCount) this.#target.queueInterrupt(vector);
      else this.#target.configInterrupt();
      return;
    }
    if (this.mode === null) return;
    if (this.mode === 'queues-share' && vector === 1) {
      this.#target.configInterrupt();
      return;
    }
    if (this.mode === 'all-share' && (this.#hardware.readIsr() & CONFIG_INTERRUPT) !== 0)
      this.#target.configInterrupt();
    for (let q = 0; q < queueCount && this.mode !== null; q++) this.#target.queueInterrupt(q);
  }
}
