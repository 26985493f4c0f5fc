import { ERRNO } from '../../../framework/device.ts';
import {
  F_EVENT_IDX,
  F_INDIRECT_DESC,
  F_SR_IOV,
  F_VERSION_1,
  NET_F,
} from '../../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { BOTH, type Defect, defineDefect } from '../defect.ts';

/** Feature bits and their negotiation. */
export const CORE_FEATURES: readonly Defect[] = [
  defineDefect({
    id: 'core/offers-tso-without-checksum',
    parents: ['simulator-net'],
    breaks: ['V1.1-2.2.2-D1'],
    what: 'GUEST_TSO4 and others are offered without GUEST_CSUM.',
    origin: 'FE-01: a feature is offered without its prerequisite',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getDeviceFeatures } = device;
      device.getDeviceFeatures = () => getDeviceFeatures.call(device) & ~NET_F.GUEST_CSUM;
    },
  }),
  defineDefect({
    id: 'core/refuses-a-valid-subset',
    parents: BOTH,
    breaks: ['V1.1-2.2.2-D2a'],
    what: 'EVENT_IDX is refused unless INDIRECT_DESC comes with it.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { featuresAcceptable } = device;
      device.featuresAcceptable = (features) =>
        featuresAcceptable.call(device, features) &&
        ((features & F_EVENT_IDX) === 0n || (features & F_INDIRECT_DESC) !== 0n);
    },
  }),
  defineDefect({
    id: 'core/accepts-anything',
    parents: BOTH,
    breaks: ['V1.1-2.2.2-D2b', 'VDPA-048'],
    what: 'Whatever the driver writes is accepted and put into force.',
    origin: 'ST-07: features that were not offered are in force all the same',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.featuresAcceptable = () => true;
    },
  }),
  defineDefect({
    id: 'core/dependencies-unchecked',
    parents: ['simulator-net'],
    breaks: ['V1.1-2.2.2-D2b', 'VDPA-049'],
    what: 'Only the offer is checked, not what features need.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.featuresAcceptable = (features) => (features & ~device.profile.features) === 0n;
    },
  }),
  defineDefect({
    id: 'core/negotiates-once',
    parents: BOTH,
    breaks: ['V1.1-2.2.2-D3'],
    what: 'Features stay latched over a reset: the next negotiation is refused.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { setDriverFeatures, setStatus } = device;
      let latched = false;
      device.setStatus = (status) => {
        setStatus.call(device, status);
        if ((device.status & STATUS.FEATURES_OK) !== 0) latched = true;
      };
      device.setDriverFeatures = (features) =>
        latched ? -ERRNO.EBUSY : setDriverFeatures.call(device, features);
    },
  }),
  defineDefect({
    id: 'core/late-features-take-effect',
    parents: BOTH,
    breaks: ['P1.1-019'],
    what: 'Driver features written while the device runs change the rules of its queues.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { setDriverFeatures } = device;
      device.setDriverFeatures = (features) => {
        if (!device.driverOk) return setDriverFeatures.call(device, features);
        device.driverFeatures = features;
        for (const { ring } of device.queues)
          if (ring !== null) ring.config.eventIdx = (features & F_EVENT_IDX) !== 0n;
        return 0;
      };
    },
  }),
  defineDefect({
    id: 'core/offer-shrinks',
    parents: BOTH,
    breaks: ['V1.1-4.1.4.3.1-D3', 'VDPA-043'],
    what: 'After negotiation the offer reads as what the driver accepted.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getDeviceFeatures } = device;
      device.getDeviceFeatures = () => {
        const offered = getDeviceFeatures.call(device);
        return device.driverFeatures === 0n ? offered : offered & device.driverFeatures;
      };
    },
  }),
  defineDefect({
    id: 'core/driver-features-cut-to-32-bits',
    parents: BOTH,
    breaks: ['V1.1-4.1.4.3.1-D4'],
    what: 'The upper word of the driver features reads as 0.',
    origin: 'FE-04: one feature word overwrites the other',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getDriverFeatures } = device;
      device.getDriverFeatures = () => getDriverFeatures.call(device) & 0xffff_ffffn;
    },
  }),
  defineDefect({
    id: 'core/version-1-withdrawn',
    parents: BOTH,
    breaks: ['V1.1-6.2-D1'],
    what: 'A driver that declines VERSION_1 is never offered it again.',
    origin: 'FE-08: VERSION_1 is not offered',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getDeviceFeatures, setDriverFeatures } = device;
      let declined = false;
      device.setDriverFeatures = (features) => {
        if ((features & F_VERSION_1) === 0n) declined = true;
        return setDriverFeatures.call(device, features);
      };
      device.getDeviceFeatures = () =>
        declined ? getDeviceFeatures.call(device) & ~F_VERSION_1 : getDeviceFeatures.call(device);
    },
  }),
  defineDefect({
    id: 'core/offers-sr-iov',
    parents: BOTH,
    breaks: ['V1.1-6.2-D9b'],
    what: 'A device in software offers SR_IOV.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getDeviceFeatures } = device;
      device.getDeviceFeatures = () => getDeviceFeatures.call(device) | F_SR_IOV;
    },
  }),
];
