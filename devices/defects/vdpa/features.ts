import { type Defect, simulated } from '../defect.ts';

/** Parents that offer or take features against the contract. */
export const VDPA_FEATURES: readonly Defect[] = [
  simulated(
    {
      id: 'vdpa/zero-features-crash',
      breaks: ['VDPA-047'],
      what: 'set_driver_features with 0 trips an assertion.',
      seenBy: 'run',
    },
    (device) => {
      const { setDriverFeatures } = device;
      device.setDriverFeatures = (mask) => {
        if (mask === 0n) throw new Error('assertion failed: features != 0');
        return setDriverFeatures.call(device, mask);
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/config-leaks',
      breaks: ['VDPA-053'],
      what: 'A read beyond the configuration space gives bytes of the host.',
      origin: 'CF-01: a read past the end returns neighbour memory',
    },
    (device) => {
      const { getConfig } = device;
      device.getConfig = (offset, buf) => {
        for (let i = 0; i < buf.length; i++) if (offset + i >= device.config.size) buf[i] = 0xee;
        getConfig.call(device, offset, buf);
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/config-too-short',
      breaks: ['VDPA-054'],
      what: 'get_config_size leaves out the last field.',
      origin: 'CF-08: the configuration structure has the wrong size',
    },
    (device) => {
      const { getConfigSize } = device;
      device.getConfigSize = () => getConfigSize.call(device) - 8;
    },
  ),
  simulated(
    {
      id: 'vdpa/config-writable',
      breaks: ['VDPA-055'],
      what: 'set_config stores into every field.',
      origin: 'CF-04: a partial write is taken as the whole structure',
    },
    (device) => {
      device.acceptsConfigWrite = () => true;
    },
  ),
];
