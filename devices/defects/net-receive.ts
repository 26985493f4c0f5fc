import { type DeviceBuffer, writableBytes } from '../../framework/virtqueue/device/ring.ts';
import { storeWritable } from '../simulator/buffer-io.ts';
import { writeHeader } from '../simulator/net/header.ts';
import type { NetDevice } from '../simulator/net/net-device.ts';
import type { Lane } from '../simulator/net/rx-routing.ts';
import { type Defect, onPackedRing } from './defect.ts';
import { wrong } from './net-transmit.ts';

const INVERTED = 'text inverted';

/** Take `count` buffers off those held. */
function takeHeld(lane: Lane, count: number): DeviceBuffer[] {
  const used = lane.held.splice(0, count);
  for (const buffer of used) lane.room -= writableBytes(buffer);
  return used;
}

/** Only where mergeable buffers are in force, or only where they are not. */
function when(device: NetDevice, mergeable: boolean): boolean {
  return device.mergeable === mergeable;
}

/** Wrong use of receive buffers and wrong num_buffers (sections 5.1.6.3 and 5.1.6.4). */
export const NET_RECEIVE_DEFECTS: readonly Defect[] = [
  wrong(
    'net-rx/header-ten-without-mrg',
    ['P1.1-027e'],
    'the header has 10 bytes unless mergeable buffers are in force',
    'FE-11: header size of the legacy interface',
    (device) => {
      device.headerLength = () => (device.mergeable ? 12 : 10);
    },
  ),
  wrong(
    'net-rx/num-buffers-descs',
    ['V1.1-5.1.6.3.2-D1'],
    'num_buffers counts descriptors',
    'virtio-win issue 1090',
    (device) => {
      device.rx.numBuffers = (used) => used.reduce((sum, { writable }) => sum + writable, 0);
    },
  ),
  wrong(
    'net-rx/spill-without-mrg',
    ['V1.1-5.1.6.3.2-D2'],
    'a long packet goes on in the next buffer, mergeable or not',
    INVERTED,
    (device) => {
      device.rx.enough = (lane, need) => lane.room >= need;
      device.rx.fits = () => true;
    },
  ),
  wrong(
    'net-rx/truncate-without-mrg',
    ['P1.1-027m'],
    'a packet that does not fit is cut off',
    INVERTED,
    (device) => {
      device.rx.fits = () => true;
    },
  ),
  wrong(
    'net-rx/num-buffers-zero',
    ['V1.1-5.1.6.4.1-D1'],
    'num_buffers stays 0 without mergeable buffers',
    'frequent defect',
    (device) => {
      device.rx.numBuffers = (used) => (device.mergeable ? used.length : 0);
    },
  ),
  wrong(
    'net-rx/num-buffers-be',
    ['V1.1-5.1.6.4.1-D1', 'V1.1-5.1.6.4.1-D2'],
    'num_buffers is big-endian',
    INVERTED,
    (device) => {
      device.rx.numBuffers = (used) => used.length << 8;
    },
  ),
  wrong(
    'net-rx/num-buffers-always-one',
    ['V1.1-5.1.6.4.1-D2'],
    'num_buffers is 1 however many buffers are used',
    INVERTED,
    (device) => {
      device.rx.numBuffers = () => 1;
    },
  ),
  wrong(
    'net-rx/num-buffers-late',
    ['V1.1-5.1.6.4.1-D2'],
    'num_buffers is written after the buffers were published',
    'NT-02: header patched too late',
    (device) => {
      const { use } = device.rx;
      device.rx.numBuffers = () => 1;
      device.rx.use = (queue, used, lengths) => {
        use.call(device.rx, queue, used, lengths);
        if (used.length > 1) queue.bufferDma!.put16(used[0].addr[used[0].readable] + 10, used.length);
      };
    },
    { seenBy: 'invariant' },
  ),
  wrong(
    'net-rx/mrg-off-by-one-exact',
    ['V1.1-5.1.6.4.1-D2'],
    'an exact fit takes one more buffer, which stays empty',
    INVERTED,
    (device) => {
      const { enough, choose } = device.rx;
      device.rx.enough = (lane, need) =>
        when(device, true) ? lane.room > need : enough.call(device.rx, lane, need);
      device.rx.choose = (lane, need) => choose.call(device.rx, lane, when(device, true) ? need + 1 : need);
    },
  ),
  wrong(
    'net-rx/mrg-header-uncounted',
    ['V1.1-5.1.6.4.1-D2'],
    'num_buffers is reckoned without the header',
    INVERTED,
    (device) => {
      let need = 0;
      const { choose } = device.rx;
      device.rx.choose = (lane, bytes) => {
        need = bytes - 12;
        return choose.call(device.rx, lane, bytes);
      };
      device.rx.numBuffers = (used) => {
        let room = 0;
        const last = used.findIndex((buffer) => {
          room += writableBytes(buffer);
          return room >= need;
        });
        return last < 0 ? used.length : last + 1;
      };
    },
  ),
  wrong(
    'net-rx/mrg-short-fill',
    ['V1.1-5.1.6.4.1-D3'],
    'the last two bytes of every buffer stay empty, for alignment',
    'NT-04: spec inversion',
    (device) => {
      const { rx } = device;
      const { enough, choose, share } = rx;
      const room = (buffer: DeviceBuffer) => Math.max(0, writableBytes(buffer) - 2);
      rx.enough = (lane, need) =>
        when(device, true)
          ? lane.held.reduce((sum, one) => sum + room(one), 0) >= need
          : enough.call(rx, lane, need);
      rx.choose = (lane, need) => {
        if (when(device, false)) return choose.call(rx, lane, need);
        let count = 0;
        for (let sum = 0; sum < need && count < lane.held.length; count++) sum += room(lane.held[count]);
        return takeHeld(lane, count);
      };
      rx.share = (buffer, rest) =>
        when(device, true) ? Math.min(rest, room(buffer)) : share.call(rx, buffer, rest);
    },
  ),
  wrong(
    'net-rx/mrg-len-plus-12',
    ['V1.1-5.1.6.4.1-D3'],
    'the used length of later buffers counts a header',
    INVERTED,
    (device) => {
      const { use } = device.rx;
      device.rx.use = (queue, used, lengths) =>
        use.call(
          device.rx,
          queue,
          used,
          lengths.map((length, i) => (i > 0 ? length + 12 : length)),
        );
    },
  ),
  wrong(
    'net-rx/mrg-lengths-swapped',
    ['V1.1-5.1.6.4.1-D3'],
    'used lengths of a packet come in reverse order',
    INVERTED,
    (device) => {
      const { use } = device.rx;
      device.rx.use = (queue, used, lengths) => use.call(device.rx, queue, used, [...lengths].reverse());
    },
  ),
  wrong(
    'net-rx/mrg-one-by-one',
    ['V1.1-5.1.6.4.1-D4', 'P1.1-027x'],
    'buffers of a packet become visible one after the other',
    'NT-05: class of PK-04',
    (device) => {
      device.rx.use = (queue, used, lengths) => {
        used.forEach((buffer, i) => {
          device.rx.giveBack(queue, buffer, lengths[i]);
          device.publish(queue);
        });
      };
    },
  ),
  wrong(
    'net-rx/packed-first-first',
    ['P1.1-027x', 'P1.1-014o'],
    'used descriptors of a packet are stored front to back',
    INVERTED,
    (device) => {
      onPackedRing(device, (ring) => {
        ring.writeUsedDescriptors = (count) => {
          let slots = 0;
          for (let i = 0; i < count; i++) {
            const flags = ring.usedFlags(ring.usedWrap, ring.pendingFlags[i]);
            ring.writeUsedElement(ring.usedSlot, ring.pendingId[i], ring.pendingLen[i]);
            ring.storeUsedFlags(ring.usedSlot, flags);
            slots += ring.pendingSlots[i];
            ring.advanceUsed(ring.pendingSlots[i]);
          }
          return slots;
        };
      });
    },
  ),
  wrong(
    'net-rx/mrg-uses-what-there-is',
    ['V1.1-5.1.6.4.1-D4'],
    'buffers are used before enough are there',
    INVERTED,
    (device) => {
      const { rx } = device;
      rx.waitsFor = (queue, lane) => {
        if (lane.held.length === 0) return true;
        const held = takeHeld(lane, lane.held.length);
        rx.use(queue, held, held.map(writableBytes));
        return false;
      };
    },
  ),
  wrong(
    'net-rx/mrg-leaks-on-shortage',
    ['P1.1-027l'],
    'buffers taken for a packet that is given up are forgotten',
    'NT-16: QEMU abe300d9d',
    (device) => {
      const { waitsFor } = device.rx;
      device.rx.waitsFor = (queue, lane) => {
        if (waitsFor.call(device.rx, queue, lane) && (lane.held.length === 0 || lane.backlog.length === 0))
          return true;
        lane.held = [];
        lane.room = 0;
        return false;
      };
    },
  ),
  wrong(
    'net-rx/rx-never-resumes',
    ['P1.1-027l'],
    'the kick after running out of buffers is missed',
    'missed kick class',
    (device) => {
      const { rx } = device;
      const { collect, hasWork } = rx;
      const dry = new Set<unknown>();
      rx.collect = (queue, lane, need) => {
        const supply = collect.call(rx, queue, lane, need);
        if (supply === 'short') dry.add(queue.ring);
        return supply;
      };
      rx.hasWork = (queue) => !dry.has(queue.ring) && hasWork.call(rx, queue);
    },
  ),
  wrong(
    'net-rx/rx-twice-after-shortage',
    ['P1.1-027l'],
    'a frame that waited for buffers is delivered twice',
    INVERTED,
    (device) => {
      const { rx } = device;
      const { collect, finish } = rx;
      const waited = new Set<unknown>();
      rx.collect = (queue, lane, need) => {
        const supply = collect.call(rx, queue, lane, need);
        if (supply === 'short') waited.add(lane.backlog[0]);
        return supply;
      };
      rx.finish = (lane, arrival) => {
        if (!waited.delete(arrival)) finish.call(rx, lane, arrival);
      };
    },
  ),
  wrong(
    'net-rx/len-counts-trailer',
    ['P1.1-027m'],
    'the used length counts four bytes of frame check sequence',
    INVERTED,
    (device) => {
      const { giveBack } = device.rx;
      device.rx.giveBack = (queue, buffer, length) =>
        giveBack.call(device.rx, queue, buffer, Math.min(length + 4, writableBytes(buffer)));
    },
  ),
  wrong(
    'net-rx/frame-at-fourteen',
    ['P1.1-027m'],
    'frames begin two bytes behind the header, aligned for IP',
    INVERTED,
    (device) => {
      const { rx } = device;
      const { compose } = rx;
      rx.compose = (delivery, used) => {
        const bytes = compose.call(rx, delivery, used);
        bytes.copyWithin(14, 12, 12 + delivery.bytes.length);
        return bytes;
      };
    },
  ),
  wrong(
    'net-rx/small-frames-padded-wrong',
    ['P1.1-027m'],
    'every frame is cut to a multiple of 4',
    INVERTED,
    (device) => {
      const { giveBack } = device.rx;
      device.rx.giveBack = (queue, buffer, length) => giveBack.call(device.rx, queue, buffer, length & ~3);
    },
  ),
  wrong(
    'net-rx/mrg-header-in-each',
    ['P1.1-027n'],
    'every buffer of a packet begins with a header',
    INVERTED,
    (device) => {
      const { rx } = device;
      const { deliver } = rx;
      rx.deliver = (queue, lane, delivery, need) => {
        if (need <= writableBytes(lane.held[0])) return deliver.call(rx, queue, lane, delivery, need);
        const used = rx.choose(lane, need);
        const header = new Uint8Array(12);
        delivery.header.numBuffers = used.length;
        writeHeader(header, delivery.header);
        const lengths: number[] = [];
        let at = 0;
        for (const buffer of used) {
          const room = writableBytes(buffer);
          storeWritable(queue.bufferDma!, buffer, 0, header, 0, Math.min(12, room));
          const share = Math.max(0, Math.min(room - 12, delivery.bytes.length - at));
          if (share > 0) storeWritable(queue.bufferDma!, buffer, 12, delivery.bytes, at, share);
          at += share;
          lengths.push(buffer === used.at(-1) ? Math.min(room, 12 + share) : room);
        }
        rx.use(queue, used, lengths);
      };
    },
  ),
  wrong(
    'net-rx/jumbo-crashes',
    ['P1.1-027o'],
    'a frame above 1514 bytes overruns an array of fixed size',
    'class of copies into fixed room',
    (device) => {
      const { prepare } = device.rx.offload;
      device.rx.offload.prepare = (sent) => {
        if (!device.mtuNegotiated && sent.meta === undefined && sent.bytes.length > 1514)
          new Uint8Array(1514).set(sent.bytes);
        return prepare.call(device.rx.offload, sent);
      };
    },
    { seenBy: 'run' },
  ),
];
