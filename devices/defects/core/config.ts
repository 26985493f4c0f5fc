import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { BOTH, type Defect, defineDefect } from '../defect.ts';

/** Configuration space. */
export const CORE_CONFIG: readonly Defect[] = [
  defineDefect({
    id: 'core/config-blank-before-features-ok',
    parents: BOTH,
    breaks: ['V1.1-2.4.2-D1'],
    what: 'The configuration reads as zeroes until FEATURES_OK.',
    origin: 'CF-10: configuration unreadable before FEATURES_OK',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, buf) => {
        if ((device.status & STATUS.FEATURES_OK) !== 0) getConfig.call(device, offset, buf);
      };
    },
  }),
  defineDefect({
    id: 'core/config-big-endian',
    parents: BOTH,
    breaks: ['P1.1-019e', 'VDPA-052'],
    what: 'Multi-byte fields are in network byte order.',
    origin: 'CF-05: fields swapped twice',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const fields = device.profile.deviceType === 'net' ? [6, 8, 10].map((at) => [at, 2]) : [[0, 8]];
      device.getConfig = (offset, buf) => {
        const bytes = device.config.bytes.slice();
        for (const [at, width] of fields) bytes.subarray(at, at + width).reverse();
        for (let i = 0; i < buf.length && offset + i < bytes.length; i++) buf[i] = bytes[offset + i];
      };
    },
  }),
  defineDefect({
    id: 'core/upper-half-shows-lower',
    parents: ['simulator-blk'],
    breaks: ['V1.1-4.1.3.2-D1'],
    what: 'A read of the upper half of capacity gives the lower one.',
    origin: 'CF-11: independent 32-bit halves are not supported',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, buf) => {
        getConfig.call(device, offset === 4 && buf.length === 4 ? 0 : offset, buf);
      };
    },
  }),
  defineDefect({
    id: 'core/generation-constant',
    parents: BOTH,
    breaks: ['P1.1-019d', 'V1.1-4.1.4.3.1-D6', 'V1.1-4.2.2.1-D6', 'VDPA-059'],
    what: 'The configuration generation never moves.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.getGeneration = () => 0;
    },
  }),
  defineDefect({
    id: 'core/generation-8-bit',
    parents: BOTH,
    breaks: ['P1.1-019d', 'V1.1-4.1.4.3.1-D6'],
    what: 'The configuration generation comes round after 256 changes.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'exactly a multiple of 256 changes between two reads is out of reach of random steps',
    seed(device) {
      const { getGeneration } = device;
      device.getGeneration = () => getGeneration.call(device) & 0xff;
    },
  }),
  defineDefect({
    id: 'core/config-change-told-too-early',
    parents: BOTH,
    breaks: ['P1.1-019c'],
    what: 'The configuration change notification comes before the new value.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'random steps do not read the configuration inside the callback',
    seed(device) {
      const { changeConfig } = device;
      device.changeConfig = (offset, bytes) => {
        const { configCallback } = device;
        device.notifyConfig();
        device.configCallback = null;
        changeConfig.call(device, offset, bytes);
        device.configCallback = configCallback;
      };
    },
  }),
  defineDefect({
    id: 'core/config-change-in-silence',
    parents: BOTH,
    breaks: ['P1.1-019c', 'VDPA-057'],
    what: 'The device changes its configuration without a notification.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.changeConfig = (offset, bytes) => {
        if (device.config.store(offset, bytes)) device.configChanged(offset, bytes.length);
      };
    },
  }),
  defineDefect({
    id: 'core/cleared-config-callback-called',
    parents: BOTH,
    breaks: ['V1.1-4.1.5.4.1-D1'],
    what: 'Clearing the configuration callback has no effect.',
    origin: 'IR-02: NO_VECTOR still delivers',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { setConfigCb } = device;
      device.setConfigCb = (cb) => {
        if (cb.callback !== null) setConfigCb.call(device, cb);
      };
    },
  }),
];
