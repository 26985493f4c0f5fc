import type { AccessSize, MmioAccess, PciAccess } from '../../framework/transport/access.ts';
import type { Recorder } from '../history/recorder.ts';

/** Bytes at a place that steps read and write: configuration space, a BAR, a register page. */
export interface Space {
  read(at: number, size: AccessSize): number;
  write(at: number, size: AccessSize, value: number): void;
}

/** Configuration space of a PCI function; every access is in the history. */
export function configSpace(access: PciAccess, recorder: Recorder): Space {
  return recorded(recorder, 'config', {
    read: (at, size) => access.readConfig(at, size),
    write: (at, size, value) => access.writeConfig(at, size, value),
  });
}

/** A BAR of a PCI function; every access is in the history. */
export function barSpace(access: PciAccess, bar: number, recorder: Recorder): Space {
  return recorded(recorder, `BAR${bar}`, {
    read: (at, size) => access.readBar(bar, at, size),
    write: (at, size, value) => access.writeBar(bar, at, size, value),
  });
}

/** The register page of a virtio-mmio device; every access is in the history. */
export function mmioSpace(access: MmioAccess, recorder: Recorder): Space {
  return recorded(recorder, 'mmio', {
    read: (at, size) => access.read(at, size),
    write: (at, size, value) => access.write(at, size, value),
  });
}

function recorded(recorder: Recorder, space: string, inner: Space): Space {
  return {
    read(at, n) {
      const v = inner.read(at, n);
      recorder.push({ k: 'access', space, at, n, v });
      return v;
    },
    write(at, n, v) {
      recorder.push({ k: 'access', space, at, n, v, w: true });
      inner.write(at, n, v);
    },
  };
}
