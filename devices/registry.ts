import type { ParentDefinition } from '../framework/parent.ts';
import { ifcvfBlk, ifcvfNet } from './ifcvf/parents.ts';
import { kernelManagementParent } from './management/kernel-parent.ts';
import { managementParent } from './management/parent.ts';
import { mlx5Net } from './mlx5/parents.ts';
import { qemu } from './qemu/parent.ts';
import { simulatorBlk } from './simulator/blk/parent.ts';
import { simulatorNet } from './simulator/net/parent.ts';
import { vduseBlk, vduseNet } from './vduse/parents.ts';
import { vhostUser } from './vhost-user/parent.ts';
import { vhostVdpa } from './vhost-vdpa/parent.ts';
import { virtioMmioBlk, virtioMmioNet, virtioPciBlk, virtioPciNet } from './virtio-pci/parents.ts';

/** Built-in parents by name. A vendor's parent is one more line here, or a module named with --target. */
export const PARENTS: ReadonlyMap<string, ParentDefinition> = new Map(
  [
    simulatorNet,
    simulatorBlk,
    virtioPciNet,
    virtioPciBlk,
    virtioMmioNet,
    virtioMmioBlk,
    ifcvfNet,
    ifcvfBlk,
    mlx5Net,
    qemu,
    vduseNet,
    vduseBlk,
    vhostUser,
    vhostVdpa,
    managementParent,
    kernelManagementParent,
  ].map((parent) => [parent.name, parent]),
);

/** What a run that names no target is run against: both device types, and the settings that further rows need. */
export const DEFAULT_TARGETS: readonly string[] = [
  'simulator-net',
  'simulator-blk',
  'simulator-net:rsc-ext=yes,standby=yes,data-valid=yes',
  'simulator-blk:read-only=yes,dma=set',
  'simulator-blk:blk-size=4096,capacity=8589934592,va=yes,irqs=yes,ring-group=yes,dirty=yes',
  'mlx5-net',
  'management',
  'management:release=6.1',
];
