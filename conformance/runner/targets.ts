import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ParentDefinition } from '../../framework/parent.ts';
import { closestName } from '../../specs/virtio-1.1/features.ts';
import type { Destination, Destinations } from '../session/destinations.ts';
import type { Target } from './run-instance.ts';

/** A target that does not exist or cannot be loaded. */
export class TargetError extends Error {
  readonly code = 'BAD_TARGET';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Where parents come from: the built-in ones by name, and how to load a module of the user. */
export interface ParentSource {
  readonly builtIn: ReadonlyMap<string, ParentDefinition>;
  /** Load a TypeScript or JavaScript module and return its exports. */
  load(path: string): Promise<Record<string, unknown>>;
}

/** A path starts like one or ends like a module; ids of seeded defects hold slashes as well. */
const isPath = (name: string) => /^\.{0,2}[/\\]|^[A-Za-z]:[/\\]|\.[cm]?[jt]s$/.test(name);

/** Split `NAME:option=value,option=value`. A path may hold colons only before its extension. */
export function splitTarget(spec: string): { name: string; options: Record<string, string> } {
  const path = /^(.*?\.[cm]?[jt]s)(?::(.*))?$/s.exec(spec);
  const [, name, rest] = path ?? /^([^:]*)(?::(.*))?$/s.exec(spec)!;
  const options: Record<string, string> = {};
  for (const pair of (rest ?? '').split(',').filter((text) => text !== '')) {
    const [key, ...value] = pair.split('=');
    options[key.trim()] = value.join('=').trim();
  }
  return { name, options };
}

/**
 * Find the parent that a target names and check its options. Its sessions may migrate to the targets of `migrateTo`,
 * or to devices of the same target.
 *
 * @throws TargetError with a hint what would have been right
 */
export async function resolveTarget(
  spec: string,
  source: ParentSource,
  migrateTo: readonly string[] = [],
): Promise<Target> {
  const own = await findTarget(spec, source);
  const inTurn = await Promise.all(migrateTo.map((name) => findTarget(name, source)));
  return { ...own, migrateTo, destinations: destinationsOf(own, source, inTurn) };
}

async function findTarget(spec: string, source: ParentSource): Promise<Target> {
  const { name, options } = splitTarget(spec);
  const found = source.builtIn.get(name) ?? (isPath(name) ? await loadParent(name, source) : undefined);
  return targetOf(spec, name, options, found, source);
}

function targetOf(
  spec: string,
  name: string,
  options: Record<string, string>,
  found: ParentDefinition | undefined,
  source: Pick<ParentSource, 'builtIn'>,
): Target {
  if (found === undefined) {
    const near = closestName(name, [...source.builtIn.keys()]);
    throw new TargetError(
      `there is no target ${name}`,
      near
        ? `did you mean ${near}? A module of your own is named by path: ./${name}.ts`
        : 'run `vdpa-cts targets` for the list',
    );
  }
  const definition = specialised(found, options);
  for (const option of definition.openOptions ? [] : Object.keys(options)) {
    const known = (definition.options ?? []).map((one) => one.name);
    if (!known.includes(option)) {
      throw new TargetError(
        `${name} has no option ${option}`,
        known.length > 0 ? `it has: ${known.join(', ')}` : 'it has none',
      );
    }
  }
  return { name: spec, definition, options };
}

/** Options that say how a device is made, not what its driver sees: a device that takes its place has its own. */
const OWN_OPTIONS: ReadonlySet<string> = new Set(['variant', 'dma', 'va', 'ring-group', 'dirty', 'irqs']);

/** `target` as it takes the place of a device of `own`: what the driver sees is provisioned as it is there. */
function provisioned(target: Target, own: Target): Destination {
  const names = new Set((target.definition.options ?? []).map(({ name }) => name));
  const seen = Object.entries(own.options).filter(([name]) => names.has(name) && !OWN_OPTIONS.has(name));
  return { ...target, options: { ...Object.fromEntries(seen), ...target.options } };
}

/**
 * Where sessions of `own` may migrate to: `inTurn`, or devices of the same target; and by name every built-in target.
 */
export function destinationsOf(
  own: Target,
  source: Pick<ParentSource, 'builtIn'>,
  inTurn: readonly Target[] = [],
): Destinations {
  const known = new Map<string, Destination | undefined>();
  const builtIn = (spec: string): Destination | undefined => {
    const { name, options } = splitTarget(spec);
    const definition = source.builtIn.get(name);
    if (definition === undefined || definition.external || definition.memory !== undefined) return undefined;
    return provisioned(targetOf(spec, name, options, definition, source), own);
  };
  return {
    inTurn: inTurn.length > 0 ? inTurn.map((target) => provisioned(target, own)) : [own],
    find(spec) {
      if (!known.has(spec)) known.set(spec, builtIn(spec));
      return known.get(spec);
    },
  };
}

/** The definition that the options call for. */
function specialised(definition: ParentDefinition, options: Record<string, string>): ParentDefinition {
  try {
    return definition.specialise?.(options) ?? definition;
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string };
    throw new TargetError(message, hint ?? 'run `vdpa-cts targets` for options and examples');
  }
}

async function loadParent(path: string, source: ParentSource): Promise<ParentDefinition> {
  const full = resolve(path);
  if (!existsSync(full))
    throw new TargetError(`${path} does not exist`, 'the path is relative to the current directory');
  let module: Record<string, unknown>;
  try {
    module = await source.load(full);
  } catch (error) {
    throw new TargetError(
      `${path} cannot be loaded: ${(error as Error).message}`,
      'it must be a TypeScript or JavaScript module',
    );
  }
  const parent = (module.parent ?? module.default) as ParentDefinition | undefined;
  if (typeof parent !== 'object' || parent === null || typeof parent.create !== 'function') {
    throw new TargetError(
      `${path} exports no parent`,
      "export const parent = defineParent({name: 'my-device', deviceType: 'blk', create(env) { … }})",
    );
  }
  return parent;
}
