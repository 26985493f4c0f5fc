import type { DeviceCore } from '../virtio-pci/function/core.ts';
import type { DeviceConfig } from '../virtio-pci/function/device-config.ts';

/**
 * What can be wrong alike below virtio-pci and virtio-mmio, where the registers of both lead to: `seed` of their
 * defects, which name the requirement of their own transport.
 */
interface Below {
  readonly core: DeviceCore;
  readonly deviceConfig: DeviceConfig;
}

/** The selector of feature words is cut to one bit. */
export function cutFeatureSelector({ core }: Below): void {
  const { deviceFeatureWord } = core;
  core.deviceFeatureWord = (select) => deviceFeatureWord.call(core, select & 1);
}

/** The lower word of accepted features is assigned where it should be merged. */
export function loseUpperFeatureWord({ core }: Below): void {
  const { writeDriverFeatureWord } = core;
  core.writeDriverFeatureWord = (select, value) => {
    if (select === 0) core.driverFeatures[1] = 0;
    writeDriverFeatureWord.call(core, select, value);
  };
}

export function stopGeneration({ deviceConfig }: Below): void {
  deviceConfig.notice = () => {};
}

/** Every reading is another generation. */
export function countGenerationReads({ deviceConfig }: Below): void {
  deviceConfig.readGeneration = () => deviceConfig.generation++;
}

/** Only the status is reset. */
export function keepQueuesOverReset({ core }: Below): void {
  core.reset = () => {
    core.sim.status = 0;
  };
}

export function startQueueByKick({ core }: Below): void {
  const { notify } = core;
  core.notify = (value) => {
    core.enable(value & 0xffff, true);
    notify.call(core, value);
  };
}

/** The number in a notification is taken for that of a pair. */
export function doubleNotifiedIndex({ core }: Below): void {
  const { notify } = core;
  core.notify = (value) => notify.call(core, value * 2);
}
