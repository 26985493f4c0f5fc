import { defineParent, type ParentInstance } from '../../framework/parent.ts';
import { VDPA_RELEASES, type VdpaRelease } from '../../specs/vdpa/netlink.ts';
import { ifcvfManagement } from '../ifcvf/management.ts';
import { mlx5Management } from '../mlx5/management.ts';
import { CORE_ABILITIES } from '../simulator/instance.ts';
import { flagOption, OptionError } from '../simulator/options.ts';
import { vpVdpaManagement } from '../virtio-pci/management.ts';
import { linuxSystem, type ManagedSystem } from './linux.ts';

/** Name of the device under test. */
const DEVICE_NAME = 'vdpa0';
const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);

/** A device that was made through the management API, with the system that it belongs to. */
export interface ManagedInstance extends ParentInstance {
  /** The system itself: for tests and seeded defects. */
  readonly system: ManagedSystem;
}

/** Management in process: a Linux system with simulators, on which one network device exists already. */
export const managementParent = defineParent({
  name: 'management',
  deviceType: 'net',
  description: 'Management of vDPA devices through netlink, as Linux offers it, in process',
  only: 'management',
  options: [
    {
      name: 'release',
      description: `Linux release to behave like: ${VDPA_RELEASES.join(', ')}`,
      default: '6.12',
    },
    { name: 'mlx5', description: 'a ConnectX function is there as well (yes or no)', default: 'no' },
    { name: 'ifcvf', description: 'an IFCVF virtual function is there as well (yes or no)', default: 'no' },
    { name: 'vp-vdpa', description: 'a virtio-pci function is there as well (yes or no)', default: 'no' },
  ],
  create({ port, options }): ManagedInstance {
    const release = releaseOption(options.release ?? '6.12');
    const hardware = [
      ...(flagOption(options, 'mlx5') ? [mlx5Management(port)] : []),
      ...(flagOption(options, 'ifcvf') ? [ifcvfManagement(port, release)] : []),
      ...(flagOption(options, 'vp-vdpa') ? [vpVdpaManagement(port)] : []),
    ];
    const system = linuxSystem(release, port, hardware);
    const { instance } = system.management.add({ name: 'vdpasim_net' }, DEVICE_NAME, { mac: MAC });
    return {
      device: instance.device,
      abilities: [...CORE_ABILITIES, 'management'],
      peer: instance.peer,
      backend: instance.backend,
      facts: { mac: Buffer.from(MAC).toString('hex'), mtu: 1500 },
      management: {
        deviceName: DEVICE_NAME,
        open: (wanted) => system.kernel.open({ extendedAck: true, cappedAck: true, ...wanted }),
      },
      system,
      pump: (budget) => instance.pump!(budget),
      dispose() {
        for (const { name } of system.management.devices()) system.management.del(name);
      },
    };
  },
});

function releaseOption(name: string): VdpaRelease {
  const release = VDPA_RELEASES.find((one) => one === name);
  if (release === undefined) throw new OptionError(`release=${name}: there are ${VDPA_RELEASES.join(', ')}`);
  return release;
}
