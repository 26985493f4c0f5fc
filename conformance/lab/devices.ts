/** A kernel device that the lab can test: how the guest makes it, and what it needs of the machine. */
export interface LabDevice {
  readonly description: string;
  /** Modules to load before the set-up. */
  readonly modules: readonly string[];
  /** Shell commands that make `/dev/vhost-vdpa-0`. */
  readonly setUp: readonly string[];
  /** Parent for the suite in the guest, where it is not the one in front of `/dev/vhost-vdpa-0`. */
  readonly parent?: string;
  /** Options of the parent vhost-vdpa: what is known about the device and cannot be asked. */
  readonly options?: Readonly<Record<string, string>>;
  /** Arguments of QEMU for hardware of its own. */
  readonly hardware?: readonly string[];
  /** The hardware has a disk of so many MiB: the block node `d0` of QEMU. */
  readonly disk?: number;
  /** Further arguments of the kernel. */
  readonly kernel?: string;
  /** Processors of the guest (default: 2). With one, what an interrupt brings is there before what it belongs to. */
  readonly processors?: number;
}

/** MAC address of net devices, so that results do not depend on chance. */
const MAC = '52:54:00:aa:bb:cc';

/** Size of the disk behind block devices that need one, in MiB. */
const DISK_MIB = 64;

const CORE = ['vdpa', 'vhost_vdpa'];

/** A vIOMMU, without which a virtio-pci device behind vp_vdpa cannot be opened. */
const VIOMMU = ['-device', 'intel-iommu,intremap=off,device-iotlb=on,caching-mode=on'];
const VIRTIO_PCI = 'disable-legacy=on,iommu_platform=on,ats=on,addr=5';
const PCI_SET_UP = [
  'bdf=0000:00:05.0',
  'if [ -e /sys/bus/pci/devices/$bdf/driver ]; then echo $bdf > /sys/bus/pci/devices/$bdf/driver/unbind; fi',
  'echo vp-vdpa > /sys/bus/pci/devices/$bdf/driver_override',
  'echo $bdf > /sys/bus/pci/drivers/vp-vdpa/bind',
  'vdpa dev add name lab0 mgmtdev pci/$bdf',
];

/** The far side of a network device: another interface, which sends nothing by itself. */
const WIRE_SET_UP = [
  'modprobe virtio_net',
  'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6',
  'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6',
  'busybox ip link set eth0 mtu 9000 up',
];

/** Devices by the name that `--device` takes. */
export const LAB_DEVICES: Readonly<Record<string, LabDevice>> = {
  vdpasim_blk: {
    description: 'the block simulator of the Linux kernel (vdpa_sim_blk)',
    modules: [...CORE, 'vdpa_sim_blk'],
    setUp: ['vdpa dev add name lab0 mgmtdev vdpasim_blk'],
    options: { 'perm-map': 'yes', capacity: '262144' },
  },
  vdpasim_net: {
    description: 'the network simulator of the Linux kernel (vdpa_sim_net)',
    modules: [...CORE, 'vdpa_sim_net'],
    setUp: [`vdpa dev add name lab0 mgmtdev vdpasim_net mac ${MAC}`],
    options: { 'perm-map': 'yes', loopback: 'yes', mac: MAC, mtu: '1500' },
  },
  vduse_blk: {
    description: 'a block device in userspace: qemu-storage-daemon behind VDUSE',
    modules: [...CORE, 'vduse'],
    setUp: [
      `busybox dd if=/dev/zero of=/tmp/disk bs=1M count=0 seek=${DISK_MIB} 2>/dev/null`,
      'qemu-storage-daemon --blockdev driver=file,filename=/tmp/disk,node-name=d0 ' +
        '--export type=vduse-blk,id=e0,node-name=d0,name=lab0,writable=on,num-queues=1,queue-size=256,serial=LAB1 &',
      'for i in 1 2 3 4 5 6 7 8 9 10; do [ -e /dev/vduse/lab0 ] && break; busybox sleep 0.2; done',
      // After so many seconds without an answer of the daemon the kernel gives the device up.
      'echo 5 > /sys/class/vduse/lab0/msg_timeout',
      'vdpa dev add name lab0 mgmtdev vduse',
    ],
  },
  vp_vdpa_net: {
    description: 'virtio-net-pci of QEMU behind the kernel driver vp_vdpa',
    modules: ['virtio_pci', ...CORE, 'vp_vdpa'],
    setUp: [...PCI_SET_UP, ...WIRE_SET_UP],
    // A hub of QEMU hands out what waits in it before what waits in front of the device.
    options: { wire: 'eth0', 'wire-order': 'no', mac: MAC },
    hardware: [
      ...VIOMMU,
      '-netdev',
      'hubport,id=n0,hubid=0',
      '-device',
      `virtio-net-pci,netdev=n0,mac=${MAC},packed=on,${VIRTIO_PCI}`,
      '-netdev',
      'hubport,id=n1,hubid=0',
      '-device',
      'virtio-net-pci,netdev=n1,mac=52:54:00:aa:bb:cd,disable-legacy=on,addr=6',
    ],
    processors: 1,
    kernel: 'intel_iommu=on',
  },
  vp_vdpa_blk: {
    description: 'virtio-blk-pci of QEMU behind the kernel driver vp_vdpa',
    modules: ['virtio_pci', ...CORE, 'vp_vdpa'],
    setUp: PCI_SET_UP,
    hardware: [...VIOMMU, '-device', `virtio-blk-pci,drive=d0,packed=on,${VIRTIO_PCI}`],
    disk: DISK_MIB,
    kernel: 'intel_iommu=on',
  },
  management: {
    description:
      'the management of vDPA devices in the Linux kernel: its netlink family, with simulators and VDUSE',
    modules: [...CORE, 'vdpa_sim_net', 'vdpa_sim_blk', 'vduse'],
    setUp: [],
    parent: 'kernel-management',
  },
};

/** The node of the device under test in the guest. */
export const NODE = '/dev/vhost-vdpa-0';

/** Target that the suite in the guest is given. */
export const guestTarget = ({ parent, options }: LabDevice): string =>
  parent ??
  [`vhost-vdpa:${NODE}`, ...Object.entries(options ?? {}).map(([name, value]) => `${name}=${value}`)].join(
    ',',
  );

/**
 * Script that the guest runs: make the device, then commands of the user, then the share of the run that `job.json`
 * asks for.
 */
export function jobScript(device: LabDevice, before: readonly string[] = []): string {
  return `${[
    'ulimit -l unlimited',
    ...device.modules.map((name) => `modprobe ${name} || echo 'lab: no module ${name}'`),
    ...device.setUp,
    ...(device.parent === undefined
      ? [
          `for i in 1 2 3 4 5 6 7 8 9 10; do [ -e ${NODE} ] && break; busybox sleep 0.2; done`,
          `[ -e ${NODE} ] || echo "lab: the kernel made no ${NODE}"`,
        ]
      : []),
    ...before,
    'exec node --stack-trace-limit=10 /suite/dist/lab-agent.js /share',
  ].join('\n')}\n`;
}
