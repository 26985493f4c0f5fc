import { type DeviceKit, pattern } from './kit.ts';

/** Requests of an entropy device: buffers of any size that it fills, in part or whole (section 5.4.6). */
export const entropyKit: DeviceKit = {
  deviceType: 'entropy',
  sizes: { min: 1, typical: 64 },
  queue: () => 0,
  lacks: (_, direction) => (direction === 'out' ? 'an entropy device takes no data' : null),
  plan(_session, _direction, size) {
    return {
      queue: 0,
      readable: pattern(0, 0),
      writable: size,
      usedLen: size,
      shorter: true,
      about: 'V1.1-5.4.6.2-D1a',
      check(_, buffer) {
        return buffer.used?.len === 0 ? 'no random byte in a buffer that came back used' : null;
      },
    };
  },
};
