import type { DeviceFacts } from '../../conformance/runner/device-facts.ts';
import { pick } from '../draw.ts';
import * as beyond from '../scenes/beyond.ts';
import * as contents from '../scenes/blk/contents.ts';
import * as durability from '../scenes/blk/durability.ts';
import * as limits from '../scenes/blk/limits.ts';
import * as readOnly from '../scenes/blk/read-only.ts';
import * as senselessRequests from '../scenes/blk/senseless-requests.ts';
import * as callbacks from '../scenes/callbacks.ts';
import * as configuration from '../scenes/configuration.ts';
import * as contract from '../scenes/contract.ts';
import * as dirty from '../scenes/dirty.ts';
import * as events from '../scenes/events.ts';
import * as flows from '../scenes/flows.ts';
import * as life from '../scenes/life.ts';
import * as mappings from '../scenes/mappings.ts';
import * as midway from '../scenes/midway.ts';
import * as commands from '../scenes/net/commands.ts';
import * as filter from '../scenes/net/filter.ts';
import * as link from '../scenes/net/link.ts';
import * as offloads from '../scenes/net/offloads.ts';
import * as receiveBuffers from '../scenes/net/receive-buffers.ts';
import * as reception from '../scenes/net/reception.ts';
import * as transmission from '../scenes/net/transmission.ts';
import * as wrongCommands from '../scenes/net/wrong-commands.ts';
import * as wrongPackets from '../scenes/net/wrong-packets.ts';
import type { Scene } from '../scenes/scene.ts';
import * as silence from '../scenes/silence.ts';
import * as suspended from '../scenes/suspended.ts';
import * as tables from '../scenes/tables.ts';
import * as used from '../scenes/used.ts';
import * as values from '../scenes/values.ts';
import { type Focus, type Strategy, step, together } from '../strategy.ts';
import { forgetSession } from '../view.ts';

const byName = (a: Scene, b: Scene) => (a.name < b.name ? -1 : 1);

/** How much more likely a scene is than a single plain step of weight 1. */
const EACH = 1.2;

/** A strategy that plays one of the scenes which the device is fit for. */
function play(name: string, focus: Focus, module: object, breach = false): Strategy {
  const scenes = (Object.values(module) as Scene[])
    .filter((scene) => (scene.breach ?? false) === breach)
    .sort(byName);
  const fitting = new WeakMap<DeviceFacts, Scene[]>();
  const of = (facts: DeviceFacts) => {
    let found = fitting.get(facts);
    if (found === undefined) {
      found = scenes
        .filter((scene) => scene.fits(facts))
        .flatMap((scene) => new Array<Scene>(Math.round(EACH * (scene.weight ?? 1) * 5)).fill(scene));
      fitting.set(facts, found);
    }
    return found;
  };
  return {
    name,
    focus,
    breach,
    weight: ({ facts }) => Math.ceil(of(facts).length / 5),
    draw(view, draw) {
      forgetSession(view);
      const steps = pick(draw, of(view.facts)).draw(view, draw);
      forgetSession(view);
      return together(...steps, step('reset'));
    },
  };
}

const disk = { ...contents, ...limits, ...durability, ...readOnly, ...senselessRequests };
const control = { ...commands, ...wrongCommands, ...link, ...offloads, ...wrongPackets };
const traffic = { ...transmission, ...reception, ...receiveBuffers };

export const playContract = play('play-contract', 'lifecycle', contract);
export const playContractBreach = play('play-contract-breach', 'lifecycle', contract, true);
export const playCallbacks = play('play-callbacks', 'lifecycle', callbacks);
export const playCallbacksBreach = play('play-callbacks-breach', 'lifecycle', callbacks, true);
export const playMappings = play('play-mappings', 'lifecycle', mappings);
export const playMappingsBreach = play('play-mappings-breach', 'lifecycle', mappings, true);
export const playLife = play('play-life', 'lifecycle', life);
export const playLifeBreach = play('play-life-breach', 'lifecycle', life, true);
export const playDirty = play('play-dirty', 'lifecycle', dirty);
export const playMidway = play('play-midway', 'lifecycle', midway);
export const playMidwayBreach = play('play-midway-breach', 'lifecycle', midway, true);
export const playSuspended = play('play-suspended', 'lifecycle', suspended);
export const playConfiguration = play('play-configuration', 'config', configuration);
export const playConfigurationBreach = play('play-configuration-breach', 'config', configuration, true);
export const playDisk = play('play-disk', 'rings', disk);
export const playDiskBreach = play('play-disk-breach', 'rings', disk, true);
export const playControl = play('play-control', 'rings', control);
export const playControlBreach = play('play-control-breach', 'rings', control, true);
export const playTables = play('play-tables', 'rings', tables);
export const playTablesBreach = play('play-tables-breach', 'rings', tables, true);
export const playBeyondBreach = play('play-beyond-breach', 'rings', beyond, true);
export const playEvents = play('play-events', 'rings', events);
export const playUsed = play('play-used', 'rings', used);
export const playUsedBreach = play('play-used-breach', 'rings', used, true);
export const playSilence = play('play-silence', 'rings', silence);
export const playTraffic = play('play-traffic', 'rings', traffic);
export const playTrafficBreach = play('play-traffic-breach', 'rings', traffic, true);
export const playFilter = play('play-filter', 'rings', filter);
export const playFilterBreach = play('play-filter-breach', 'rings', filter, true);
export const playFlows = play('play-flows', 'rings', flows);
export const playFlowsBreach = play('play-flows-breach', 'rings', flows, true);
export const playValues = play('play-values', 'config', values);
