import { NET_F } from '../../specs/virtio-1.1/features.ts';
import { KEPT } from '../simulator/engine.ts';
import { GUEST_OFFLOADS } from '../simulator/net/control.ts';
import { le32 } from '../simulator/net/header.ts';
import { NET_S } from '../simulator/net/net-config.ts';
import type { NetDevice } from '../simulator/net/net-device.ts';
import { type Defect, defineDefect } from './defect.ts';

/** What the defects of network devices share, with the fields that have a usual value. */
type Row = Pick<Defect, 'id' | 'breaks' | 'what'> &
  Partial<Pick<Defect, 'origin' | 'seenBy' | 'fuzz' | 'options'>> & { seed(device: NetDevice): void };

export const net = (row: Row): Defect =>
  defineDefect<NetDevice>({
    parents: ['simulator-net'],
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    ...row,
  });

/** Shows only where there are several pairs of queues. */
export const PAIRS = { 'max-pairs': '4' };

/** Do something in the pump after the one in which it became due. */
export function laterThan(device: NetDevice): (action: () => void) => void {
  const { pump } = device;
  let due: (() => void)[] = [];
  device.pump = (budget) => {
    const now = due;
    due = [];
    const done = pump.call(device, budget);
    for (const action of now) action();
    return done;
  };
  return (action) => void due.push(action);
}

/** Wrong control queues, configuration spaces and what hangs on them (sections 5.1.2 to 5.1.5, 5.1.6.5). */
export const NET_CONTROL_DEFECTS: readonly Defect[] = [
  // ── completion and ack ──────────────────────────────────────────────────────────────────────────
  net({
    id: 'net-ctrl/ack-missing',
    breaks: ['P1.1-027'],
    what: 'uses a command without storing the ack byte',
    seed(device) {
      device.acknowledge = () => 1;
    },
  }),
  net({
    id: 'net-ctrl/ack-ff',
    breaks: ['P1.1-027'],
    what: 'answers a failed command with ff',
    seed(device) {
      const { acknowledge } = device;
      device.acknowledge = (queue, at, ack) => acknowledge.call(device, queue, at, ack === 0 ? 0 : 0xff);
    },
  }),
  net({
    id: 'net-ctrl/unknown-kept',
    breaks: ['P1.1-027'],
    what: 'never uses a command of a class that it does not know',
    seed(device) {
      const { command } = device;
      const { dispatch } = device.control;
      let known = true;
      device.control.dispatch = (class_, code, data) => {
        known = class_ <= 5;
        return dispatch.call(device.control, class_, code, data);
      };
      device.command = (queue, buffer) => {
        const written = command.call(device, queue, buffer);
        return known ? written : KEPT;
      };
    },
  }),
  net({
    id: 'net-ctrl/unknown-ok',
    breaks: ['P1.1-027'],
    what: 'acks commands OK that it does not know',
    seed(device) {
      const { dispatch } = device.control;
      device.control.dispatch = (class_, command, data) =>
        class_ > 5 || command > 5 || dispatch.call(device.control, class_, command, data);
    },
  }),
  net({
    id: 'net-ctrl/len-counts-command',
    breaks: ['V1.1-2.6.8.2-D2', 'P1.1-006'],
    what: 'counts class and command in the used length',
    origin: 'NC-01: Cloud Hypervisor and DPDK, used length with the command bytes',
    seed(device) {
      const { acknowledge } = device;
      device.acknowledge = (queue, at, ack) => acknowledge.call(device, queue, at, ack) + 2;
    },
  }),
  net({
    id: 'net-ctrl/ack-over-class',
    breaks: ['P1.1-027', 'V1.1-2.6.5.1-D1a', 'V1.1-2.7.15-D1a'],
    what: 'stores the ack over the class of the command',
    seenBy: 'invariant',
    seed(device) {
      device.ackAddress = (buffer) => buffer.addr[0];
    },
  }),
  net({
    id: 'net-ctrl/fixed-framing',
    breaks: ['V1.1-2.6.4.1-D1'],
    what: 'answers ERR unless class and command share a descriptor and the data have one',
    origin: 'NC-08: DPDK control queue, command framing hard-coded',
    seed(device) {
      const { command } = device;
      device.command = (queue, buffer) =>
        buffer.readable === 2
          ? command.call(device, queue, buffer)
          : device.acknowledge(queue, device.ackAddress(buffer), 1);
    },
  }),
  net({
    id: 'net-ctrl/one-per-kick',
    breaks: ['P1.1-027'],
    what: 'serves one command per kick and does not look for more',
    seed(device) {
      const { serve } = device;
      device.serve = (queue) => {
        const done = serve.call(device, queue);
        if (device.isControl(queue.index)) queue.pending = false;
        return done;
      };
    },
  }),

  // ── where the queue is ──────────────────────────────────────────────────────────────────────────
  net({
    id: 'net-ctrl/always-after-all-pairs',
    options: PAIRS,
    breaks: ['P1.1-027a'],
    what: 'has the control queue behind all pairs even without MQ',
    seed(device) {
      device.controlIndex = () => 2 * device.maxPairs;
    },
  }),
  net({
    id: 'net-ctrl/always-queue-two',
    options: PAIRS,
    breaks: ['P1.1-027a'],
    what: 'has the control queue at index 2 even with MQ',
    seed(device) {
      device.controlIndex = () => 2;
    },
  }),

  // ── configuration ───────────────────────────────────────────────────────────────────────────────
  net({
    id: 'net-config/size-of-mac',
    breaks: ['P1.1-027b'],
    what: 'has a configuration space of six bytes whatever it offers',
    fuzz: 'yes',
    seed(device) {
      device.getConfigSize = () => 6;
    },
  }),
  net({
    id: 'net-config/size-without-mtu',
    breaks: ['P1.1-027b'],
    what: 'leaves mtu out of the size of the configuration space',
    fuzz: 'yes',
    seed(device) {
      device.getConfigSize = () => 10;
    },
  }),
  net({
    id: 'net-config/mac-multicast',
    breaks: ['P1.1-027b'],
    what: 'has a multicast address of its own',
    fuzz: 'yes',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, into) => {
        getConfig.call(device, offset, into);
        if (offset === 0 && into.length > 0) into[0] |= 1;
      };
    },
  }),
  net({
    id: 'net-config/writable',
    breaks: ['P1.1-027c'],
    what: 'lets the driver store into every field',
    seenBy: 'expectation',
    seed(device) {
      device.acceptsConfigWrite = () => true;
    },
  }),
  net({
    id: 'net-config/link-stuck-up',
    breaks: ['P1.1-027d'],
    what: 'shows the link as up for ever',
    fuzz: 'yes',
    seed(device) {
      device.linkChanged = () => {};
    },
  }),
  net({
    id: 'net-config/link-silent',
    breaks: ['P1.1-027d'],
    what: 'changes the link bit without a notification',
    origin: 'FE: configuration change without interrupt, text inverted',
    fuzz: 'yes',
    seed(device) {
      const { linkChanged, notifyConfig } = device;
      device.linkChanged = (up) => {
        device.notifyConfig = () => {};
        linkChanged.call(device, up);
        device.notifyConfig = notifyConfig;
      };
    },
  }),
  net({
    id: 'net-config/link-always-down',
    breaks: ['P1.1-027d'],
    what: 'never shows the link as up',
    origin: 'NT-13: QEMU 9aa47edd4e, link always reported down',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, into) => {
        getConfig.call(device, offset, into);
        if (offset <= 6 && offset + into.length > 6) into[6 - offset] &= ~NET_S.LINK_UP;
      };
    },
  }),
  net({
    id: 'net-config/link-up-after-reset',
    breaks: ['P1.1-027d'],
    what: 'sets the link bit at every reset',
    fuzz: 'yes',
    seed(device) {
      const { deviceReset } = device;
      device.deviceReset = () => {
        deviceReset.call(device);
        device.statusField |= NET_S.LINK_UP;
        device.config.store(6, Uint8Array.of(device.statusField, 0));
      };
    },
  }),
  net({
    id: 'net-config/link-no-generation',
    breaks: ['P1.1-019d'],
    what: 'keeps the configuration generation when the link changes',
    fuzz: 'yes',
    seed(device) {
      device.getGeneration = () => 1;
    },
  }),

  // ── announcement ────────────────────────────────────────────────────────────────────────────────
  net({
    id: 'net-announce/never-cleared',
    breaks: ['V1.1-5.1.6.5.4.2-D1'],
    what: 'accepts the acknowledgement and leaves the bit set',
    origin: 'NC-13: text inverted',
    fuzz: 'yes',
    seed(device) {
      device.control.announce = (command) => command === 0;
    },
  }),
  net({
    id: 'net-announce/cleared-late',
    breaks: ['V1.1-5.1.6.5.4.2-D1'],
    what: 'clears the bit after the acknowledgement was used',
    fuzz: 'yes',
    seed(device) {
      const { clearAnnounce } = device;
      const later = laterThan(device);
      device.control.announce = (command) => {
        if (command === 0) later(() => clearAnnounce.call(device));
        return command === 0;
      };
    },
  }),
  net({
    id: 'net-announce/cleared-after-publication',
    breaks: ['V1.1-5.1.6.5.4.2-D1'],
    what: 'clears the bit between the used entry and the notification of the next buffer',
    fuzz: 'yes',
    seed(device) {
      const { clearAnnounce, publish } = device;
      let due = false;
      device.control.announce = (command) => {
        due = command === 0;
        return due;
      };
      device.publish = (queue) => {
        publish.call(device, queue);
        if (due && device.isControl(queue.index)) {
          due = false;
          clearAnnounce.call(device);
        }
      };
    },
  }),
  net({
    id: 'net-announce/clears-link',
    breaks: ['V1.1-5.1.6.5.4.2-D1'],
    what: 'clears the whole status field with the announcement',
    fuzz: 'yes',
    seed(device) {
      device.control.announce = (command) => {
        device.statusField = 0;
        device.config.store(6, Uint8Array.of(0, 0));
        return command === 0;
      };
    },
  }),
  net({
    id: 'net-announce/silent',
    breaks: ['P1.1-027s'],
    what: 'sets the announce bit without a notification',
    fuzz: 'yes',
    seed(device) {
      const { raiseAnnounce, notifyConfig } = device;
      device.raiseAnnounce = () => {
        device.notifyConfig = () => {};
        raiseAnnounce.call(device);
        device.notifyConfig = notifyConfig;
      };
    },
  }),
  net({
    id: 'net-announce/cleared-by-reading',
    breaks: ['P1.1-027s'],
    what: 'clears the announce bit when the driver reads it',
    fuzz: 'yes',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, into) => {
        getConfig.call(device, offset, into);
        if (offset <= 6 && offset + into.length > 6) device.clearAnnounce();
      };
    },
  }),
  net({
    id: 'net-announce/not-asked-for',
    breaks: ['P1.1-027s'],
    what: 'sets the announce bit although the feature was not negotiated',
    fuzz: 'yes',
    seed(device) {
      device.raiseAnnounce = () => device.changeStatus(device.statusField | NET_S.ANNOUNCE);
    },
  }),

  // ── guest offloads ──────────────────────────────────────────────────────────────────────────────
  net({
    id: 'net-offloads/ignored',
    breaks: ['P1.1-027v'],
    what: 'accepts the mask and goes on as negotiated',
    seed(device) {
      device.control.applyOffloads = () => {};
    },
  }),
  net({
    id: 'net-offloads/reversed',
    breaks: ['P1.1-027v'],
    what: 'switches the offloads off whose bits are set',
    seed(device) {
      device.control.applyOffloads = (mask) => {
        device.offloads = device.driverFeatures & GUEST_OFFLOADS & ~mask;
      };
    },
  }),
  net({
    id: 'net-offloads/big-endian',
    breaks: ['P1.1-027v'],
    what: 'reads the mask from the wrong end',
    origin: 'NC-11: QEMU 189ae6bb5c, guest offloads in the wrong byte order',
    seed(device) {
      device.control.offloadMask = (data) => BigInt(le32(data, 4)) | (BigInt(le32(data, 0)) << 32n);
    },
  }),
  net({
    id: 'net-offloads/all-or-nothing',
    breaks: ['P1.1-027v'],
    what: 'refuses a mask that is neither empty nor all that was negotiated',
    seed(device) {
      const { offloads } = device.control;
      device.control.offloads = (command, data) => {
        const mask = device.control.offloadMask(data);
        const all = device.driverFeatures & GUEST_OFFLOADS;
        return (mask === 0n || mask === all) && offloads.call(device.control, command, data);
      };
    },
  }),
  net({
    id: 'net-offloads/one-packet-late',
    breaks: ['P1.1-027v'],
    what: 'applies the mask after the next packet',
    seed(device) {
      const { prepare } = device.rx.offload;
      let due: bigint | undefined;
      device.control.applyOffloads = (mask) => {
        due = mask;
      };
      device.rx.offload.prepare = (sent) => {
        const packets = prepare.call(device.rx.offload, sent);
        if (due !== undefined) device.offloads = due;
        due = undefined;
        return packets;
      };
    },
  }),
  net({
    id: 'net-offloads/off-after-reset',
    breaks: ['P1.1-027w'],
    what: 'keeps what the last driver had switched off over a reset',
    seed(device) {
      const { applyOffloads } = device.control;
      let last: bigint | undefined;
      device.control.applyOffloads = (mask) => {
        last = mask;
        applyOffloads.call(device.control, mask);
      };
      device.initialOffloads = () => device.driverFeatures & GUEST_OFFLOADS & (last ?? GUEST_OFFLOADS);
    },
  }),
  net({
    id: 'net-offloads/off-until-asked',
    breaks: ['P1.1-027w'],
    what: 'waits for a command before it uses any offload, if the command was negotiated',
    seed(device) {
      device.initialOffloads = () =>
        device.negotiated(NET_F.CTRL_GUEST_OFFLOADS) ? 0n : device.driverFeatures & GUEST_OFFLOADS;
    },
  }),

  // ── life cycle ──────────────────────────────────────────────────────────────────────────────────
  net({
    id: 'net-session/receives-before-driver-ok',
    breaks: ['V1.1-2.1.2-D2'],
    what: 'delivers frames as soon as a receive queue is ready',
    seenBy: 'invariant',
    seed(device) {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        setVqReady.call(device, idx, ready);
        const queue = device.queues[idx];
        if (ready && queue?.ring === null) device.startQueue(queue);
      };
      device.rx.wanted = (sent) => device.filter.accepts(sent.bytes, sent.bytes.length);
    },
  }),
  net({
    id: 'net-session/receives-after-reset',
    breaks: ['P1.1-019a'],
    what: 'finishes the frame that it was about to store when the reset came',
    origin: 'RS-04: DPDK 11d5253a3e, QEMU 94b52958b7: stores after a reset',
    seenBy: 'invariant',
    seed(device) {
      const { reset, pump } = device;
      const { take } = device.rx;
      let last: (() => void) | undefined;
      let due: (() => void) | undefined;
      device.rx.take = (queue) => {
        const buffer = take.call(device.rx, queue);
        const at = buffer?.addr[0] ?? 0;
        if (buffer !== null) last = () => queue.bufferDma!.put8(at, 0);
        return buffer;
      };
      device.reset = () => {
        due = last;
        last = undefined;
        return reset.call(device);
      };
      device.pump = (budget) => {
        due?.();
        due = undefined;
        return pump.call(device, budget);
      };
    },
  }),
];
