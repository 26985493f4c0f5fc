import { type DeviceBuffer, writableBytes } from '../../../../framework/virtqueue/device/ring.ts';
import type { NetDevice } from '../../../simulator/net/net-device.ts';
import { type Defect, onPackedRing } from '../../defect.ts';
import { INVERTED, wrong } from '../wrong.ts';
import { takeHeld } from './receive-defect.ts';

/** Only where mergeable buffers are in force, or only where they are not. */
function when(device: NetDevice, mergeable: boolean): boolean {
  return device.mergeable === mergeable;
}

/** Packets over several buffers. */
export const NET_RECEIVE_MERGED: readonly Defect[] = [
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
];
