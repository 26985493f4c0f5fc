import { NET_F } from '../../../../specs/virtio-1.1/features.ts';
import { checksumField, parseFrame } from '../../../simulator/net/frame.ts';
import { HDR_F, writeHeader } from '../../../simulator/net/header.ts';
import type { Delivery, RxOffload } from '../../../simulator/net/rx-offload.ts';
import type { Defect } from '../../defect.ts';
import { INVERTED, wrong } from '../wrong.ts';

/** Change every packet with a partial checksum, super-frames included. */
function onPartial(offload: RxOffload, change: (delivery: Delivery) => void): void {
  const { partial, superFrame } = offload;
  const changed = (delivery: Delivery) => {
    if ((delivery.header.flags & HDR_F.NEEDS_CSUM) !== 0) change(delivery);
    return delivery;
  };
  offload.partial = (sent, layout) => changed(partial.call(offload, sent, layout));
  offload.superFrame = (sent, layout, type, ecn, size) =>
    changed(superFrame.call(offload, sent, layout, type, ecn, size));
}

/** The place of the partial checksum in a packet. */
const fieldOf = ({ header }: Delivery) => header.csumStart + header.csumOffset;

function setField(delivery: Delivery, value: number): void {
  delivery.bytes[fieldOf(delivery)] = value >> 8;
  delivery.bytes[fieldOf(delivery) + 1] = value;
}

/** Partial checksums. */
export const NET_OFFLOAD_PARTIAL: readonly Defect[] = [
  wrong(
    'net-offload/needs-csum-launders',
    ['V1.1-5.1.6.4.1-D11'],
    'a wrong checksum becomes a partial one with NEEDS_CSUM',
    INVERTED,
    ({ rx }) => {
      const { offload } = rx;
      const { whole } = offload;
      offload.whole = (bytes) => {
        const layout = parseFrame(bytes, bytes.length);
        const field = checksumField(layout);
        const delivery = whole.call(offload, bytes);
        if (field < 0 || !offload.guestTakes(NET_F.GUEST_CSUM)) return delivery;
        if (offload.checksums.fullSumGood(bytes, layout, bytes.length)) return delivery;
        offload.checksums.makePartial(bytes, layout, bytes.length);
        delivery.header.flags = HDR_F.NEEDS_CSUM;
        delivery.header.csumStart = layout.l4;
        delivery.header.csumOffset = field - layout.l4;
        return delivery;
      };
    },
  ),
  wrong(
    'net-offload/partial-complemented',
    ['V1.1-5.1.6.4.1-D12', 'V1.1-5.1.6.4.1-D13'],
    'the pseudo header sum is stored complemented',
    INVERTED,
    ({ rx }) => {
      onPartial(rx.offload, (delivery) => {
        const at = fieldOf(delivery);
        setField(delivery, 0xffff ^ ((delivery.bytes[at] << 8) | delivery.bytes[at + 1]));
      });
    },
  ),
  wrong(
    'net-offload/partial-zero',
    ['V1.1-5.1.6.4.1-D12'],
    'NEEDS_CSUM is set and the checksum field is 0',
    'NT-11: DPDK, pseudo header left out',
    ({ rx }) => onPartial(rx.offload, (delivery) => setField(delivery, 0)),
  ),
  wrong(
    'net-offload/partial-summed-twice',
    ['V1.1-5.1.6.4.1-D12'],
    'the full checksum is in place and NEEDS_CSUM set',
    INVERTED,
    ({ rx }) => {
      onPartial(rx.offload, ({ bytes }) =>
        rx.offload.checksums.compute(bytes, parseFrame(bytes, bytes.length), bytes.length),
      );
    },
  ),
  wrong(
    'net-offload/csum-start-plus-12-rx',
    ['V1.1-5.1.6.4.1-D13'],
    'csum_start counts from the start of the buffer',
    INVERTED,
    ({ rx }) => {
      rx.offload.csumStart = (start) => start + 12;
    },
  ),
  wrong(
    'net-offload/csum-start-ignores-vlan',
    ['V1.1-5.1.6.4.1-D13'],
    'csum_start leaves the VLAN tag out',
    INVERTED,
    ({ rx }) => {
      onPartial(rx.offload, ({ header, bytes }) => {
        if (bytes[12] === 0x81 && bytes[13] === 0) header.csumStart -= 4;
      });
    },
  ),
  wrong(
    'net-offload/csum-fields-be-rx',
    ['V1.1-5.1.6.4.1-D13'],
    'csum_start and csum_offset are big-endian',
    INVERTED,
    ({ rx }) => {
      rx.writeHeader = (bytes, header) => {
        const swapped = (n: number) => ((n & 0xff) << 8) | (n >> 8);
        writeHeader(bytes, {
          ...header,
          csumStart: swapped(header.csumStart),
          csumOffset: swapped(header.csumOffset),
        });
      };
    },
  ),
];
