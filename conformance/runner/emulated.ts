import type { Ability } from '../../framework/parent.ts';
import type { Requirement } from '../../specs/requirements.ts';

/** Requirements about what a parent with such an ability keeps itself: what it does right proves nothing of the device. */
const KEPT: Readonly<Partial<Record<Ability, (requirement: Requirement) => boolean>>> = {
  'emulates-status': ({ id }) => STATUS.has(id),
  'emulates-features': ({ id }) => FEATURES.has(id),
  'emulates-config': ({ section, scope }) =>
    section.startsWith('2.4') || (scope === 'net' && section.startsWith('5.1.4')),
};

const STATUS: ReadonlySet<string> = new Set([
  'P1.1-019b',
  'V1.1-2.1.2-D1',
  'V1.1-2.1.2-D3',
  'V1.1-2.1.2-D4',
  'VDPA-001',
  'VDPA-008',
  'VDPA-016',
  'VDPA-017',
  'VDPA-019',
  'VDPA-087',
]);

const FEATURES: ReadonlySet<string> = new Set([
  'V1.1-2.2.2-D1',
  'V1.1-2.2.2-D2b',
  'V1.1-2.2.2-D3',
  'V1.1-4.1.4.3.1-D3',
  'V1.1-4.1.4.3.1-D4',
  'VDPA-043',
  'VDPA-048',
]);

/** Whether a parent with these abilities answers for the device where `requirement` is concerned. */
export const isEmulated = (requirement: Requirement, abilities: readonly Ability[]): boolean =>
  abilities.some((ability) => KEPT[ability]?.(requirement) ?? false);

/** Ids that are named here; a test holds them against the specification. */
export const NAMED: readonly string[] = [...STATUS, ...FEATURES];
