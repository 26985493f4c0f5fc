import { NO_VECTOR } from '../../../framework/transport/transport.ts';
import { AREAS, type DeviceCore } from './core.ts';
import type { DeviceConfig } from './device-config.ts';
import { RegisterFile } from './register.ts';
import type { PciShape } from './shape.ts';

/** Bytes of the common configuration structure (section 4.1.4.3). */
export const COMMON_SIZE = 0x38;

/** Which vector each event has (section 4.1.5.1.2). */
export interface VectorMap {
  config: number;
  readonly queues: number[];
}

/** What the common configuration registers speak to. */
export interface CommonTarget {
  readonly core: DeviceCore;
  readonly deviceConfig: DeviceConfig;
  readonly vectors: VectorMap;
  readonly shape: PciShape;
  /** Whether MSI-X table entry `vector` exists. */
  hasVector(vector: number): boolean;
}

/** The registers of section 4.1.4.3, each with what reading and writing it does. */
export function commonConfig(target: CommonTarget): RegisterFile {
  const { core, deviceConfig, vectors, shape } = target;
  const file = new RegisterFile();
  const mapped = (vector: number) => (target.hasVector(vector) ? vector : NO_VECTOR);
  file.add(
    0x00,
    'device_feature_select',
    4,
    () => core.deviceFeatureSelect,
    (value) => {
      core.deviceFeatureSelect = value >>> 0;
    },
  );
  file.add(0x04, 'device_feature', 4, () => core.deviceFeatureWord(core.deviceFeatureSelect));
  file.add(
    0x08,
    'driver_feature_select',
    4,
    () => core.driverFeatureSelect,
    (value) => {
      core.driverFeatureSelect = value >>> 0;
    },
  );
  file.add(
    0x0c,
    'driver_feature',
    4,
    () => {
      const word = core.driverFeatures[core.driverFeatureSelect] ?? 0;
      if (shape.mirrorsAnyFeature) return word;
      return (word & core.deviceFeatureWord(core.driverFeatureSelect)) >>> 0;
    },
    (value) => core.writeDriverFeatureWord(core.driverFeatureSelect, value),
  );
  file.add(
    0x10,
    'msix_config',
    2,
    () => vectors.config,
    (value) => {
      vectors.config = mapped(value);
    },
  );
  file.add(0x12, 'num_queues', 2, () => core.queues.length);
  file.add(
    0x14,
    'device_status',
    1,
    () => core.readStatus(),
    (value) => core.writeStatus(value),
  );
  file.add(0x15, 'config_generation', 1, () => deviceConfig.readGeneration() & 0xff);
  file.add(
    0x16,
    'queue_select',
    2,
    () => core.queueSelect,
    (value) => {
      core.queueSelect = value & 0xffff;
    },
  );
  file.add(
    0x18,
    'queue_size',
    2,
    () => core.selected?.size ?? core.maxSize(core.queueSelect),
    (value) => core.writeSize(value),
  );
  file.add(
    0x1a,
    'queue_msix_vector',
    2,
    () => vectors.queues[core.queueSelect] ?? NO_VECTOR,
    (value) => {
      if (core.selected !== undefined) vectors.queues[core.queueSelect] = mapped(value);
    },
  );
  file.add(
    0x1c,
    'queue_enable',
    2,
    () => (core.enabled(core.queueSelect) ? 1 : 0),
    (value) => {
      if (value <= 1) core.enable(core.queueSelect, value === 1);
    },
  );
  file.add(0x1e, 'queue_notify_off', 2, () =>
    core.selected === undefined ? 0 : shape.notifyOff(core.queueSelect),
  );
  for (const [area, name] of AREAS.entries())
    for (const half of [0, 1] as const)
      file.add(
        0x20 + 8 * area + 4 * half,
        `queue_${name}_${half === 0 ? 'low' : 'high'}`,
        4,
        () => core.readArea(area, half),
        (value) => core.writeArea(area, half, value),
      );
  return file;
}
