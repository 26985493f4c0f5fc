import { HostMemory } from '../framework/memory/host-memory.ts';
import type { Ability, ParentDefinition } from '../framework/parent.ts';

/** What a device outside the process cannot offer. */
const LOCAL: ReadonlySet<Ability> = new Set(['pump', 'track', 'rtrack', 'perm-map']);

/**
 * The same device as if it ran in another process: it works on memory of its own copy, its stores are not
 * traced, and the suite waits for it. Everything that is judged on real devices is so judged here.
 */
export function remoteTwin(definition: ParentDefinition): ParentDefinition {
  let host: HostMemory;
  return {
    ...definition,
    memory(size) {
      host = new HostMemory(size);
      return { bytes: host.bytes, dispose: () => {} };
    },
    create(environment) {
      const { pump, ...instance } = definition.create({ ...environment, port: host.port() });
      return {
        ...instance,
        abilities: instance.abilities.filter((ability) => !LOCAL.has(ability)),
        // A small budget, so that the suite looks while the device is in the middle of its work.
        wait: () => (pump?.call(instance, 3) ?? 0) > 0,
        dispose: () => instance.dispose?.(),
      };
    },
  };
}
