import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { cached, PROJECT_ROOT } from './compile-cache.ts';

/**
 * How hard a requirement is. MUST and text-hard fail a device; SHOULD and text-soft warn; MAY and info report.
 * The text-… levels belong to statements of the specification that carry no keyword.
 */
export type Level =
  | 'MUST'
  | 'MUST NOT'
  | 'SHOULD'
  | 'SHOULD NOT'
  | 'MAY'
  | 'text-hard'
  | 'text-soft'
  | 'info';

/** How a requirement is decided; when not by cases, why. */
export interface Decided {
  by: 'cases' | 'transport' | 'outside';
  class?: string;
  strength?: 'crisp' | 'statistical' | 'partial';
  /** A PCI or MMIO row that an op of the vDPA contract decides as well. */
  twin?: 'vdpa';
  reason?: string;
}

/** One statement of virtio 1.1 or of the vDPA contract that obliges a device, in our own words. */
export interface Requirement {
  id: string;
  section: string;
  /** Title of that section. */
  title: string;
  chapter: string;
  level: Level;
  party: 'device' | 'device+driver' | 'driver';
  kind: 'normative' | 'legacy' | 'unmarked' | 'prose';
  scope: string;
  /** Clauses of chapter 7 that list the section. */
  clauses: string[];
  summary: string;
  decided: Decided;
}

interface RequirementFile {
  chapter: string;
  sections: {
    section: string;
    title: string;
    requirements: Omit<Requirement, 'section' | 'title' | 'chapter'>[];
  }[];
}

/** Folders with requirement files: the specification, then the contract that parents fulfil. */
const FOLDERS = [join('virtio-1.1', 'requirements'), 'vdpa'].map((name) => join(PROJECT_ROOT, 'specs', name));

let loaded: ReadonlyMap<string, Requirement> | undefined;

/** All requirements by id: those of the specification in its order, then those of the vDPA contract. */
export function requirements(): ReadonlyMap<string, Requirement> {
  if (loaded === undefined) {
    const parts = FOLDERS.map(yamlIn);
    const digest = createHash('sha256').update(parts.flat().join('\0')).digest('hex').slice(0, 24);
    const list = cached(`requirements-${digest}`, () =>
      parts.flatMap((files) =>
        files.flatMap((text) => flatten(parse(text) as RequirementFile)).sort(inOrder),
      ),
    );
    loaded = new Map(list.map((requirement) => [requirement.id, requirement]));
  }
  return loaded;
}

const yamlIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(join(folder, name), 'utf8'));

const flatten = ({ chapter, sections }: RequirementFile): Requirement[] =>
  sections.flatMap(({ section, title, requirements: own }) =>
    own.map((requirement) => ({ ...requirement, section, title, chapter })),
  );

/** By section number, part by part; rows of one section keep their order. */
function inOrder(a: Requirement, b: Requirement): number {
  const left = a.section.split('.').map(Number);
  const right = b.section.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? -1) - (right[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Worst verdict that breaking a requirement of this level can give. */
export function severity(level: Level): 'fail' | 'warn' | 'info' {
  if (level === 'MUST' || level === 'MUST NOT' || level === 'text-hard') return 'fail';
  return level === 'SHOULD' || level === 'SHOULD NOT' || level === 'text-soft' ? 'warn' : 'info';
}
