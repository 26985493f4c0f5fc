import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a daemon keeps what it needs. */
export interface DaemonPlace {
  /** Path of the socket that it is to listen on. */
  readonly socket: string;
  /** A folder of its own. */
  readonly folder: string;
  /** blk: sectors of 512 bytes. */
  readonly capacity: number;
  /** net: interface of this host to make, connected to the device through the back end; null: none. */
  readonly wire: string | null;
}

/** A back end that the suite knows how to start. */
export interface DaemonKind {
  readonly program: string;
  readonly type: 'net' | 'blk';
  /** Debian package. */
  readonly package: string;
  /** net: it sends every frame back, unless it has an interface to forward to. */
  readonly loopback?: boolean;
  arguments(place: DaemonPlace): string[];
}

/** Back ends by the name of their program (`start=`). */
export const DAEMONS: Readonly<Record<string, DaemonKind>> = {
  'qemu-storage-daemon': {
    program: 'qemu-storage-daemon',
    type: 'blk',
    package: 'qemu-utils or qemu-system-common',
    arguments({ socket, folder, capacity }) {
      const disk = join(folder, 'disk');
      writeFileSync(disk, '');
      truncateSync(disk, 512 * capacity);
      return [
        ...['--blockdev', `driver=file,node-name=f,filename=${disk}`],
        '--export',
        `type=vhost-user-blk,id=e,node-name=f,addr.type=unix,addr.path=${socket},writable=on,num-queues=2`,
      ];
    },
  },
  'dpdk-testpmd': {
    program: 'dpdk-testpmd',
    type: 'net',
    package: 'dpdk-dev',
    loopback: true,
    arguments: ({ socket, wire }) => [
      ...[
        '--no-shconf',
        '--no-huge',
        '-m',
        '256',
        '--no-pci',
        '--no-telemetry',
        '--lcores',
        '0@(0,1),1@(0,1)',
      ],
      ...['--vdev', `net_vhost0,iface=${socket},queues=1`],
      // In the mode io frames go from each port to the other one, or back where there is one only.
      ...(wire === null ? [] : ['--vdev', `net_tap0,iface=${wire}`]),
      ...['--', '--auto-start', '--forward-mode=io', '--total-num-mbufs=8192'],
    ],
  },
};
