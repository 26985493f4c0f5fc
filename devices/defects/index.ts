import { BLK_DEFECTS } from './blk/index.ts';
import { CORE_DEFECTS } from './core/index.ts';
import type { Defect } from './defect.ts';
import { DIRTY_DEFECTS } from './dirty.ts';
import { MANAGEMENT_DEFECTS } from './management/index.ts';
import { MIGRATION_DEFECTS } from './migration/index.ts';
import { MLX5_DEFECTS } from './mlx5/index.ts';
import { MMIO_DEFECTS } from './mmio-registers.ts';
import { NET_BREACH_DEFECTS } from './net/breaches/index.ts';
import { NET_CONTROL_DEFECTS } from './net/control/index.ts';
import { NET_CONTROL_BREACH_DEFECTS } from './net/control-breaches/index.ts';
import { NET_FILTER_DEFECTS } from './net/filter/index.ts';
import { NET_MULTIQUEUE_DEFECTS } from './net/multiqueue.ts';
import { NET_OFFLOAD_DEFECTS } from './net/offload/index.ts';
import { NET_RECEIVE_DEFECTS } from './net/receive/index.ts';
import { NET_TRANSMIT_DEFECTS } from './net/transmit/index.ts';
import { NET_VALUE_DEFECTS } from './net/values.ts';
import { PACKED_DEFECTS } from './packed/index.ts';
import { PCI_CAPABILITY_DEFECTS } from './pci-capabilities.ts';
import { PCI_INTERRUPT_DEFECTS } from './pci-interrupts.ts';
import { PCI_REGISTER_DEFECTS } from './pci-registers.ts';
import { SPLIT_DEFECTS } from './split/index.ts';
import { VDPA_DEFECTS } from './vdpa/index.ts';
import { VDUSE_DEFECTS } from './vduse.ts';

const files: readonly (readonly Defect[])[] = [
  BLK_DEFECTS,
  CORE_DEFECTS,
  DIRTY_DEFECTS,
  MANAGEMENT_DEFECTS,
  MIGRATION_DEFECTS,
  NET_CONTROL_DEFECTS,
  NET_CONTROL_BREACH_DEFECTS,
  NET_FILTER_DEFECTS,
  NET_MULTIQUEUE_DEFECTS,
  NET_VALUE_DEFECTS,
  NET_TRANSMIT_DEFECTS,
  NET_RECEIVE_DEFECTS,
  NET_OFFLOAD_DEFECTS,
  NET_BREACH_DEFECTS,
  PACKED_DEFECTS,
  PCI_CAPABILITY_DEFECTS,
  PCI_REGISTER_DEFECTS,
  PCI_INTERRUPT_DEFECTS,
  MMIO_DEFECTS,
  MLX5_DEFECTS,
  SPLIT_DEFECTS,
  VDPA_DEFECTS,
  VDUSE_DEFECTS,
];

/** Every seeded defect by id. A file of defects is one more entry in `files`. */
export const DEFECTS: ReadonlyMap<string, Defect> = new Map(
  files.flat().map((defect) => [defect.id, defect]),
);
