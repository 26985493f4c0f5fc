import type { VdpaIovaRange } from '../device.ts';
import type { Ability, BackendControl, DeviceBacking, ParentDefinition, ParentInstance } from '../parent.ts';
import type { Area } from '../virtqueue/driver/ring.ts';
import { ShadowDevice, shadowMemory, usableIovas } from './shadow-device.ts';

/** What a parent behind shadow virtqueues cannot show any more. */
const LOST: readonly Ability[] = ['no-disable', 'shared-irq', 'dirty'];

/** The control of a back end, with `backing` as it was when the device was stopped, if that is known. */
function controlOf(
  backend: BackendControl | undefined,
  stopped: () => DeviceBacking | undefined,
): BackendControl | undefined {
  if (backend === undefined) return undefined;
  return {
    ...(backend.changeConfig && { changeConfig: (offset, bytes) => backend.changeConfig!(offset, bytes) }),
    ...(backend.hold && { hold: (idx, count) => backend.hold!(idx, count) }),
    ...(backend.release && { release: () => backend.release!() }),
    ...(backend.fail && { fail: () => backend.fail!() }),
    ...(backend.powerCut && { powerCut: () => backend.powerCut!() }),
    ...(backend.backing && { backing: () => stopped() ?? backend.backing!() }),
    ...(backend.adopt && { adopt: (backing) => backend.adopt!(backing) }),
  };
}

/**
 * A parent whose devices are put behind shadow virtqueues.
 *
 * @param allocate private memory for the rings, at addresses within a range that the guest does not use
 * @param shift by how much the addresses of guest memory differ for the parent
 */
export function shadowed(
  definition: ParentDefinition,
  allocate: (size: number, within: VdpaIovaRange) => Area,
  shift = 0,
): ParentDefinition {
  return {
    ...definition,
    create(environment): ParentInstance {
      const base = definition.create(environment);
      const { device: below } = base;
      const room = allocate(shadowMemory(below.nvqs), usableIovas(below.ops));
      const device = new ShadowDevice(below, environment.port, room, shift);
      // Frames that wait before a network device do not outlast the reset that stops it.
      let waiting: DeviceBacking | undefined;
      if (base.peer !== undefined)
        device.onStop = () => {
          waiting = base.backend?.backing?.();
        };
      const backend = controlOf(base.backend, () => waiting);
      const abilities = base.abilities.filter((ability) => !LOST.includes(ability));
      return {
        device,
        abilities: [...new Set([...abilities, 'vq-state' as const])],
        peer: base.peer,
        backend,
        facts: base.facts,
        pump(budget) {
          let done = 0;
          while (done < budget) {
            const moved = device.relay() + (base.pump?.(budget - done) ?? 0) + device.relay();
            if (moved === 0) break;
            done += moved;
          }
          return Math.min(done, budget);
        },
        dispose: () => base.dispose?.(),
      };
    },
  };
}
