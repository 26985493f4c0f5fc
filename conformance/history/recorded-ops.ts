import type {
  IotlbEntry,
  Iova,
  MapFile,
  OpName,
  Perm,
  ProcessAddresses,
  VdpaCallback,
  VdpaConfigOps,
  VqState,
} from '../../framework/device.ts';
import { NoMeans } from '../../framework/parent.ts';
import type { OpEvent } from './events.ts';
import { hex, stateText, valueText } from './op-texts.ts';
import { recordThrow } from './parent-throw.ts';
import type { Recorder } from './recorder.ts';

type Args = OpEvent['a'];

/**
 * The contract with every call written into a history. Return values are checked against the type that the
 * contract gives them; a wrong one is recorded and replaced by a harmless value.
 */
export class RecordedOps implements VdpaConfigOps {
  readonly #ops: VdpaConfigOps;
  readonly #recorder: Recorder;
  /** Calls while `quiet` is positive are made but not recorded: harness chores, not part of the stimulus. */
  quiet = 0;
  /** Called before every op: what the driver has stored must be where the device looks for it. */
  before: (() => void) | null = null;

  /** Has every optional op; {@link of} makes one with those that `ops` has. */
  constructor(ops: VdpaConfigOps, recorder: Recorder) {
    this.#ops = ops;
    this.#recorder = recorder;
  }

  /** `ops` recorded by `recorder`; optional ops that it does not have are undefined. */
  static of(ops: VdpaConfigOps, recorder: Recorder): RecordedOps {
    let lacking = 0;
    for (let i = 0; i < OPTIONAL_OPS.length; i++)
      if (typeof ops[OPTIONAL_OPS[i]] !== 'function') lacking |= 1 << i;
    return new (withoutOps(lacking))(ops, recorder);
  }

  setVqAddress(idx: number, descArea: Iova, driverArea: Iova, deviceArea: Iova): number {
    return this.#int('setVqAddress', [idx, descArea, driverArea, deviceArea], () =>
      this.#ops.setVqAddress(idx, descArea, driverArea, deviceArea),
    );
  }
  setVqNum(idx: number, num: number): void {
    this.#call('setVqNum', [idx, num], () => this.#ops.setVqNum(idx, num));
  }
  kickVq(idx: number): void {
    this.#call('kickVq', [idx], () => this.#ops.kickVq(idx));
  }
  kickVqWithData(data: number): void {
    this.#call('kickVqWithData', [data], () => this.#ops.kickVqWithData!(data));
  }
  setVqCb(idx: number, cb: VdpaCallback): void {
    this.#call('setVqCb', [idx, cb.callback !== null], () => this.#ops.setVqCb(idx, cb));
  }
  setVqReady(idx: number, ready: boolean): void {
    this.#call('setVqReady', [idx, ready], () => this.#ops.setVqReady(idx, ready));
  }
  getVqReady(idx: number): boolean {
    const event = this.#begin('getVqReady', [idx]);
    const ready = this.#run('getVqReady', () => this.#ops.getVqReady(idx));
    if (typeof ready !== 'boolean') this.#wrong('getVqReady', 'a boolean', ready);
    event.r = ready === true;
    return ready === true;
  }
  setVqState(idx: number, state: VqState): number {
    return this.#int('setVqState', [idx, stateText(state)], () => this.#ops.setVqState(idx, state));
  }
  getVqState(idx: number, state: VqState): number {
    const error = this.#int('getVqState', [idx], () => this.#ops.getVqState(idx, state));
    const event = this.#recorder.events.at(-1);
    if (error === 0 && event?.k === 'op' && event.op === 'getVqState') event.a.push(stateText(state));
    return error;
  }
  getVendorVqStats(idx: number): Record<string, number | bigint> | number {
    return this.#call('getVendorVqStats', [idx], () => this.#ops.getVendorVqStats!(idx));
  }
  getVqNotification(idx: number) {
    return this.#call('getVqNotification', [idx], () => this.#ops.getVqNotification!(idx));
  }
  getVqIrq(idx: number): number {
    return this.#int('getVqIrq', [idx], () => this.#ops.getVqIrq!(idx));
  }
  getVqSize(idx: number): number {
    return this.#int('getVqSize', [idx], () => this.#ops.getVqSize!(idx));
  }
  getVqAlign(): number {
    return this.#int('getVqAlign', [], () => this.#ops.getVqAlign());
  }
  getVqGroup(idx: number): number {
    return this.#int('getVqGroup', [idx], () => this.#ops.getVqGroup!(idx));
  }
  getVqDescGroup(idx: number): number {
    return this.#int('getVqDescGroup', [idx], () => this.#ops.getVqDescGroup!(idx));
  }
  getDeviceFeatures(): bigint {
    return this.#bits('getDeviceFeatures', () => this.#ops.getDeviceFeatures());
  }
  getBackendFeatures(): bigint {
    return this.#bits('getBackendFeatures', () => this.#ops.getBackendFeatures!());
  }
  setDriverFeatures(features: bigint): number {
    return this.#int('setDriverFeatures', [hex(features)], () => this.#ops.setDriverFeatures(features));
  }
  getDriverFeatures(): bigint {
    return this.#bits('getDriverFeatures', () => this.#ops.getDriverFeatures());
  }
  setConfigCb(cb: VdpaCallback): void {
    this.#call('setConfigCb', [cb.callback !== null], () => this.#ops.setConfigCb(cb));
  }
  getVqNumMax(): number {
    return this.#int('getVqNumMax', [], () => this.#ops.getVqNumMax());
  }
  getVqNumMin(): number {
    return this.#int('getVqNumMin', [], () => this.#ops.getVqNumMin!());
  }
  getDeviceId(): number {
    return this.#int('getDeviceId', [], () => this.#ops.getDeviceId());
  }
  getVendorId(): number {
    return this.#int('getVendorId', [], () => this.#ops.getVendorId());
  }
  getStatus(): number {
    return this.#int('getStatus', [], () => this.#ops.getStatus());
  }
  setStatus(status: number): void {
    this.#call('setStatus', [status], () => this.#ops.setStatus(status));
  }
  reset(): number {
    return this.#int('reset', [], () => this.#ops.reset());
  }
  compatReset(flags: number): number {
    return this.#int('compatReset', [flags], () => this.#ops.compatReset!(flags));
  }
  suspend(): number {
    return this.#int('suspend', [], () => this.#ops.suspend!());
  }
  resume(): number {
    return this.#int('resume', [], () => this.#ops.resume!());
  }
  getConfigSize(): number {
    return this.#int('getConfigSize', [], () => this.#ops.getConfigSize());
  }
  getConfig(offset: number, buf: Uint8Array): void {
    const event = this.#begin('getConfig', [offset, buf.length]);
    this.#run('getConfig', () => this.#ops.getConfig(offset, buf));
    if (this.quiet === 0 && buf.length <= 64) event.r = Array.from(buf);
  }
  setConfig(offset: number, buf: Uint8Array): void {
    this.#call('setConfig', [offset, ...buf], () => this.#ops.setConfig(offset, buf));
  }
  getGeneration(): number {
    return this.#int('getGeneration', [], () => this.#ops.getGeneration!());
  }
  getIovaRange() {
    return this.#call('getIovaRange', [], () => this.#ops.getIovaRange!());
  }
  setVqAffinity(idx: number, cpus: readonly number[] | null): number {
    return this.#int('setVqAffinity', [idx, JSON.stringify(cpus)], () => this.#ops.setVqAffinity!(idx, cpus));
  }
  getVqAffinity(idx: number): readonly number[] | null {
    return this.#call('getVqAffinity', [idx], () => this.#ops.getVqAffinity!(idx));
  }
  setGroupAsid(group: number, asid: number): number {
    return this.#int('setGroupAsid', [group, asid], () => this.#ops.setGroupAsid!(group, asid));
  }
  setMap(asid: number, table: readonly IotlbEntry[]): number {
    return this.#int('setMap', [asid, table.length], () => this.#ops.setMap!(asid, table));
  }
  dmaMap(asid: number, iova: Iova, size: number, addr: number, perm: Perm, backing?: MapFile): number {
    return this.#int('dmaMap', [asid, iova, size, addr, perm], () =>
      this.#ops.dmaMap!(asid, iova, size, addr, perm, backing),
    );
  }
  dmaUnmap(asid: number, iova: Iova, size: number): number {
    return this.#int('dmaUnmap', [asid, iova, size], () => this.#ops.dmaUnmap!(asid, iova, size));
  }
  resetMap(asid: number): number {
    return this.#int('resetMap', [asid], () => this.#ops.resetMap!(asid));
  }
  bindMm(process: ProcessAddresses): number {
    return this.#int('bindMm', [], () => this.#ops.bindMm!(process));
  }
  unbindMm(): void {
    this.#call('unbindMm', [], () => this.#ops.unbindMm!());
  }

  #begin(op: OpName, a: Args): OpEvent {
    this.before?.();
    const event: OpEvent = { k: 'op', op, a, r: undefined };
    if (this.quiet === 0) this.#recorder.push(event);
    return event;
  }
  #run<T>(op: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      // The device has not seen the call.
      if (error instanceof NoMeans) this.#recorder.withdraw(op);
      recordThrow(this.#recorder, op, error);
    }
  }
  #call<T>(op: OpName, a: Args, action: () => T): T {
    this.#begin(op, a);
    return this.#run(op, action);
  }
  #int(op: OpName, a: Args, action: () => number): number {
    const event = this.#begin(op, a);
    const result = this.#run(op, action);
    if (!Number.isInteger(result)) {
      this.#wrong(op, 'an integer', result);
      return 0;
    }
    event.r = result;
    return result;
  }
  #bits(op: OpName, action: () => bigint): bigint {
    const event = this.#begin(op, []);
    const result = this.#run(op, action);
    if (typeof result !== 'bigint' || result < 0n || result >> 64n !== 0n) {
      this.#wrong(op, 'a bigint of 64 bits', result);
      return 0n;
    }
    event.r = hex(result);
    return result;
  }
  #wrong(op: string, want: string, got: unknown): void {
    this.#recorder.push({ k: 'contract', op, want, got: valueText(got) });
  }
}

const OPTIONAL_OPS = [
  'kickVqWithData',
  'getVendorVqStats',
  'getVqNotification',
  'getVqIrq',
  'getVqSize',
  'getVqGroup',
  'getVqDescGroup',
  'getBackendFeatures',
  'getVqNumMin',
  'compatReset',
  'suspend',
  'resume',
  'getGeneration',
  'getIovaRange',
  'setVqAffinity',
  'getVqAffinity',
  'setGroupAsid',
  'setMap',
  'dmaMap',
  'dmaUnmap',
  'resetMap',
  'bindMm',
  'unbindMm',
] as const satisfies readonly OpName[];

type Recording = new (ops: VdpaConfigOps, recorder: Recorder) => RecordedOps;

const recordings = new Map<number, Recording>();

/** The class without the optional ops of `lacking`, a bit each in the order of {@link OPTIONAL_OPS}. */
function withoutOps(lacking: number): Recording {
  const known = recordings.get(lacking);
  if (known !== undefined) return known;
  const made = class extends RecordedOps {};
  OPTIONAL_OPS.forEach((op, i) => {
    if ((lacking & (1 << i)) !== 0) Object.defineProperty(made.prototype, op, { value: undefined });
  });
  recordings.set(lacking, made);
  return made;
}
