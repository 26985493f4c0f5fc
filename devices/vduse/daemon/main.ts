import { workerData } from 'node:worker_threads';
import type { FrameMeta, PeerOffload } from '../../../framework/peer.ts';
import { remembering } from '../../../specs/remember.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { CELL, type ChannelBuffers, getBytes, getText, openChannel, SAID, TURN } from '../channel.ts';
import { type DaemonWays, daemonWays, vduseBlkProfile, vduseNetTarget, type WrongWay } from '../options.ts';
import { CREATE, IOCTL, MESSAGE, MESSAGE_SIZE, PAYLOAD, RESULT } from '../protocol.ts';
import { BlkDaemon } from './blk.ts';
import type { DaemonDevice } from './daemon-device.ts';
import { KernelCalls } from './kernel-calls.ts';
import { NetDaemon } from './net.ts';

/** A command to the daemon's own control. */
export type Command =
  | {
      readonly do: 'create';
      readonly type: 'net' | 'blk';
      readonly options: Readonly<Record<string, string>>;
    }
  | { readonly do: 'behave'; readonly daemon: string }
  | { readonly do: 'hold'; readonly queue: number; readonly count: number }
  | { readonly do: 'config'; readonly offset: number; readonly bytes: readonly number[] }
  | { readonly do: 'frame'; readonly length: number; readonly meta?: FrameMeta }
  | { readonly do: 'accept'; readonly offloads: readonly PeerOffload[] }
  | { readonly do: 'link'; readonly up: boolean }
  | { readonly do: 'stall'; readonly on: boolean }
  | { readonly do: 'page'; readonly number: number; readonly stable: boolean; readonly length: number }
  | { readonly do: 'release' | 'power-cut' | 'announce' | 'hand-over' };

/** Commands by their text: devices of one target have one object of options, and what is made of it is remembered. */
const commands = remembering<string, Command>(100);
const commandOf = (text: string): Command => commands(text, JSON.parse);

/** Run a daemon on the channel in `workerData`: one device after the other, for as long as the thread lives. */
export function runDaemon(): void {
  const kernel = new KernelCalls(openChannel(workerData as ChannelBuffers));
  const { cells } = kernel.channel;
  const daemon = new Daemon(kernel);
  for (let said = kernel.await(); ; ) {
    if (!daemon.turn(said)) break;
    said = kernel.yield(said);
  }
  Atomics.store(cells, CELL.CLOSED, 1);
  Atomics.store(cells, CELL.TURN, TURN.KERNEL);
  Atomics.notify(cells, CELL.TURN);
}

class Daemon {
  readonly #kernel: KernelCalls;
  #device: DaemonDevice | null = null;
  #ways: DaemonWays = {};
  #messages = 0;

  constructor(kernel: KernelCalls) {
    this.#kernel = kernel;
  }

  /** Do what the kernel says. False when the daemon is to end. */
  turn(said: number): boolean {
    if (said === SAID.MESSAGE) return this.#answer();
    const { cells } = this.#kernel.channel;
    if (said === SAID.WORK) cells[CELL.VALUE] = this.#device!.work(cells[CELL.VALUE]);
    if (said === SAID.COMMAND) this.#command(commandOf(getText(this.#kernel.channel)));
    return true;
  }

  #command(command: Command): void {
    switch (command.do) {
      case 'create':
        this.#create(command.type, command.options);
        return;
      case 'behave':
        this.#ways = daemonWays(command);
        return;
      case 'hold':
        this.#device!.hold(command.queue, command.count);
        return;
      case 'release':
        this.#device!.release();
        return;
      case 'config':
        this.#device!.changeConfig(command.offset, Uint8Array.from(command.bytes));
        return;
      case 'power-cut':
        this.#device!.powerCut();
        return;
      case 'hand-over':
        this.#device!.handOver();
        return;
      case 'page':
        if (this.#device instanceof BlkDaemon) {
          const page = getBytes(this.#kernel.channel, command.length).slice();
          (command.stable ? this.#device.disk.stable : this.#device.disk.cache).set(command.number, page);
        }
        return;
      default:
        if (this.#device instanceof NetDaemon) this.#network(this.#device, command);
    }
  }

  /** What the network behind a daemon does. */
  #network(device: NetDaemon, command: Command): void {
    const { channel } = this.#kernel;
    // There may be something to do, which only a turn of work shows.
    channel.cells[CELL.BUSY] = 1;
    if (command.do === 'frame')
      device.receive.arrive({ bytes: getBytes(channel, command.length), meta: command.meta });
    else if (command.do === 'accept') device.peer.offloads = new Set(command.offloads);
    else if (command.do === 'link') device.setLink(command.up);
    else if (command.do === 'stall') device.peer.stalled = command.on;
    else if (command.do === 'announce') device.announce();
  }

  #deviceOf(type: 'net' | 'blk', options: Readonly<Record<string, string>>): DaemonDevice {
    if (type === 'blk') return new BlkDaemon(vduseBlkProfile(options), this.#kernel);
    const { profile, dataValid } = vduseNetTarget(options);
    return new NetDaemon(profile, dataValid, this.#kernel);
  }

  /** CREATE_DEV and VQ_SETUP of each queue. */
  #create(type: 'net' | 'blk', options: Readonly<Record<string, string>>): void {
    const device = this.#deviceOf(type, options);
    this.#device = device;
    this.#ways = daemonWays(options);
    this.#messages = 0;
    const { area } = this.#kernel.channel;
    const { deviceId, features, nvqs, config, numMax } = device.shape;
    for (let i = 0; i < CREATE.CONFIG; i++) area.setUint8(i, 0);
    area.setUint8(CREATE.NAME, 0x64);
    area.setUint32(CREATE.DEVICE, deviceId, true);
    area.setBigUint64(CREATE.FEATURES, features, true);
    area.setUint32(CREATE.VQ_NUM, nvqs, true);
    area.setUint32(CREATE.VQ_ALIGN, 16, true);
    area.setUint32(CREATE.NGROUPS, 1, true);
    area.setUint32(CREATE.NAS, 1, true);
    area.setUint32(CREATE.CONFIG_SIZE, config.length, true);
    config.forEach((byte, i) => {
      area.setUint8(CREATE.CONFIG + i, byte);
    });
    if (this.#kernel.ioctl(IOCTL.CREATE_DEV, CREATE.CONFIG + config.length) < 0) return;
    for (let i = 0; i < nvqs; i++) {
      for (let at = 0; at < 32; at++) area.setUint8(at, 0);
      area.setUint32(0, i, true);
      area.setUint16(4, numMax, true);
      this.#kernel.post(IOCTL.VQ_SETUP, 32);
    }
  }

  /** What goes wrong with a message of `type`; undefined: nothing. */
  #wrongWay(type: number): WrongWay | undefined {
    const { driverOk, update } = this.#ways;
    const status = this.#kernel.channel.message.getUint8(PAYLOAD);
    if (type === MESSAGE.SET_STATUS && (status & STATUS.DRIVER_OK) !== 0) return driverOk;
    return type === MESSAGE.UPDATE_IOTLB && this.#device!.running ? update : undefined;
  }

  /** Read a request and write its answer. */
  #answer(): boolean {
    const { message, cells } = this.#kernel.channel;
    const type = message.getUint32(0, true);
    const id = message.getUint32(4, true);
    const { diesAfter, right } = this.#ways;
    if (diesAfter !== undefined && this.#messages++ >= diesAfter) return false;
    const wrong = this.#wrongWay(type);
    if (wrong === 'dies') return false;
    // It waits for what never comes, and whoever waits for it gives up.
    if (wrong === 'stalls') for (;;) Atomics.wait(cells, CELL.TURN, TURN.DAEMON);
    if (right === 'hesitates') for (let i = 0; i < 3; i++) this.#kernel.yield(SAID.JOURNAL);
    const fine = wrong === 'ignores' || (this.#device!.handle(type) && wrong !== 'refuses');
    if (right === 'eager' && type === MESSAGE.UPDATE_IOTLB) this.#device!.refresh();
    if (type !== MESSAGE.GET_VQ_STATE)
      for (let at = PAYLOAD; at < MESSAGE_SIZE; at++) message.setUint8(at, 0);
    message.setUint32(0, wrong === 'lies' ? id + 1 : id, true);
    message.setUint32(4, fine ? RESULT.OK : RESULT.FAILED, true);
    return true;
  }
}
