import type { Ability } from '../../framework/parent.ts';
import type { DeviceType } from '../../specs/virtio-1.1/device-ids.ts';

/** What a device and its parent must offer for a case to make sense; otherwise it is skipped with the reason. */
export interface Needs {
  device?: DeviceType;
  /** Features to offer; the case accepts them. Empty names are ignored, so parameters may leave one out. */
  features?: string[];
  /** Features that must be offered but are not accepted. */
  offered?: string[];
  /** Features that must not be offered. */
  'not-offered'?: string[];
  abilities?: Ability[];
  /** What the device has to stand on, and show to steps. */
  transport?: 'pci' | 'mmio';
  /** Capabilities of the packet peer; `send-meta: gso` style entries name a level. */
  peer?: string[];
  /** Optional ops of the contract. */
  ops?: string[];
  /** Expressions over `device` that must hold, with the reason when they do not. */
  holds?: { if: string; else: string }[];
}

export interface RawStep {
  [name: string]: unknown;
}

/** A case as it stands in the catalogue. */
export interface CaseDefinition {
  id: string;
  requirements: string[];
  class: 'conformance' | 'resilience';
  title?: string;
  /** What breaks in practice; a past bug where there is one. */
  why: string;
  /** Where the text is unclear, and which readings are accepted. */
  ambiguity?: string;
  needs?: Needs;
  params?: Record<string, unknown[]>;
  /** Only combinations for which this expression holds. */
  where?: string;
  /** Record device loads as well. */
  trace?: 'reads';
  steps: RawStep[];
}

/** Where something stands in a catalogue file; 1-based. */
export interface Position {
  file: string;
  line: number;
  column: number;
}

/** A case with its place in the catalogue. */
export interface CatalogueCase extends CaseDefinition {
  position: Position;
}

export interface Catalogue {
  cases: CatalogueCase[];
}
