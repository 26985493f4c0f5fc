import { NET_F } from '../../../../specs/virtio-1.1/features.ts';
import type { Defect } from '../../defect.ts';
import { INVERTED, wrong } from '../wrong.ts';

const CHECKS = { options: { 'data-valid': 'yes' } };

/** DATA_VALID. */
export const NET_OFFLOAD_DATA_VALID: readonly Defect[] = [
  wrong(
    'net-offload/data-valid-of-last-packet',
    ['V1.1-5.1.6.4.1-D19b'],
    'DATA_VALID is the verdict on the packet before',
    INVERTED,
    ({ rx }) => {
      const { wholeFlags } = rx.offload;
      let last = 0;
      rx.offload.wholeFlags = (bytes, layout) => {
        const flags = last;
        last = wholeFlags.call(rx.offload, bytes, layout);
        return rx.offload.guestTakes(NET_F.GUEST_CSUM) ? flags : 0;
      };
    },
    CHECKS,
  ),
  wrong(
    'net-offload/data-valid-header-only',
    ['V1.1-5.1.6.4.1-D19b'],
    'only the IPv4 header checksum is looked at',
    INVERTED,
    ({ rx }) => {
      rx.offload.checksums.fullSumGood = () => true;
    },
    CHECKS,
  ),
  wrong(
    'net-offload/data-valid-odd-tail',
    ['V1.1-5.1.6.4.1-D19b'],
    'an odd last byte is not checked',
    INVERTED,
    ({ rx }) => {
      const { fullSumGood } = rx.offload.checksums;
      rx.offload.checksums.fullSumGood = (bytes, layout, end) => {
        if (((end - layout.l4) & 1) === 0) return fullSumGood.call(rx.offload.checksums, bytes, layout, end);
        return true;
      };
    },
    CHECKS,
  ),
];
