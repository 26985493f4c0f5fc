import type { DeviceFacts } from '../../conformance/runner/device-facts.ts';
import { pick } from '../draw.ts';
import * as callbacks from '../scenes/callbacks.ts';
import * as configuration from '../scenes/configuration.ts';
import * as contract from '../scenes/contract.ts';
import * as control from '../scenes/control.ts';
import * as disk from '../scenes/disk.ts';
import * as mappings from '../scenes/mappings.ts';
import type { Scene } from '../scenes/scene.ts';
import * as tables from '../scenes/tables.ts';
import { type Focus, type Strategy, step, together } from '../strategy.ts';
import { forgetSession } from '../view.ts';

const byName = (a: Scene, b: Scene) => (a.name < b.name ? -1 : 1);

/** A strategy that plays one of the scenes which the device is fit for. */
function play(name: string, focus: Focus, module: object, breach: boolean, weight: number): Strategy {
  const scenes = (Object.values(module) as Scene[])
    .filter((scene) => (scene.breach ?? false) === breach)
    .sort(byName);
  const fitting = new WeakMap<DeviceFacts, Scene[]>();
  const of = (facts: DeviceFacts) => {
    let found = fitting.get(facts);
    if (found === undefined) {
      found = scenes.filter((scene) => scene.fits(facts));
      fitting.set(facts, found);
    }
    return found;
  };
  return {
    name,
    focus,
    breach,
    weight: ({ facts }) => (of(facts).length > 0 ? weight : 0),
    draw(view, draw) {
      forgetSession(view);
      const steps = pick(draw, of(view.facts)).draw(view, draw);
      forgetSession(view);
      return together(...steps, step('reset'));
    },
  };
}

export const playContract = play('play-contract', 'lifecycle', contract, false, 3);
export const playContractBreach = play('play-contract-breach', 'lifecycle', contract, true, 1);
export const playCallbacks = play('play-callbacks', 'lifecycle', callbacks, false, 3);
export const playCallbacksBreach = play('play-callbacks-breach', 'lifecycle', callbacks, true, 1);
export const playMappings = play('play-mappings', 'lifecycle', mappings, false, 3);
export const playMappingsBreach = play('play-mappings-breach', 'lifecycle', mappings, true, 1);
export const playConfiguration = play('play-configuration', 'config', configuration, false, 2);
export const playConfigurationBreach = play('play-configuration-breach', 'config', configuration, true, 1);
export const playDisk = play('play-disk', 'rings', disk, false, 3);
export const playDiskBreach = play('play-disk-breach', 'rings', disk, true, 3);
export const playControl = play('play-control', 'rings', control, false, 4);
export const playControlBreach = play('play-control-breach', 'rings', control, true, 4);
export const playTables = play('play-tables', 'rings', tables, false, 1);
export const playTablesBreach = play('play-tables-breach', 'rings', tables, true, 2);
