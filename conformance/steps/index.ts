import * as activity from './activity-steps.ts';
import * as blk from './blk/index.ts';
import * as buffer from './buffer-steps.ts';
import * as completion from './completion-steps.ts';
import * as configChange from './config-change-steps.ts';
import * as config from './config-steps.ts';
import * as configSweep from './config-sweep-steps.ts';
import * as device from './device-steps.ts';
import * as dirty from './dirty-steps.ts';
import * as feature from './feature-steps.ts';
import * as management from './management-steps.ts';
import * as memory from './memory-steps.ts';
import * as migrate from './migrate-steps.ts';
import * as needsReset from './needs-reset-steps.ts';
import * as net from './net/index.ts';
import * as notify from './notify-steps.ts';
import * as packed from './packed-steps.ts';
import * as pci from './pci/index.ts';
import * as queue from './queue-steps.ts';
import * as raw from './raw-steps.ts';
import * as register from './register-steps.ts';
import * as request from './request/index.ts';
import type { AnyStep } from './step.ts';
import * as transport from './transport-steps.ts';
import * as vdpa from './vdpa/index.ts';

const isStep = (value: unknown): value is AnyStep =>
  typeof value === 'object' && value !== null && 'name' in value && 'schema' in value && 'run' in value;

/** Every step of the language by name. A module or folder of steps is one more line here. */
export const STEPS: ReadonlyMap<string, AnyStep> = new Map(
  [
    device,
    dirty,
    queue,
    config,
    request,
    buffer,
    notify,
    raw,
    memory,
    migrate,
    net,
    blk,
    packed,
    completion,
    activity,
    configChange,
    configSweep,
    feature,
    needsReset,
    vdpa,
    register,
    pci,
    transport,
    management,
  ]
    .flatMap((module) => Object.values(module).filter(isStep))
    .map((step) => [step.name, step]),
);
