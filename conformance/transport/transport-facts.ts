import type { Session } from '../session/session.ts';
import { functionOf } from './reach.ts';

/** What expressions may know about a transport as `device.…`. */
export const TRANSPORT_FACTS = [
  'transport',
  'msix_vectors',
  'intx',
  'transitional',
  'legacy_platform',
] as const;

/** What a parent stands on: `none`, `pci` or `mmio`, and what cases need to know of a PCI function. */
export function transportFacts(
  session: Session,
): Record<(typeof TRANSPORT_FACTS)[number], number | boolean | string> {
  const { transport } = session.instance;
  const facts = transport?.kind === 'pci' ? transport.access.facts : undefined;
  return {
    transport: transport?.kind ?? 'none',
    msix_vectors: transport?.kind === 'pci' ? (functionOf(session).msix?.count ?? 0) : 0,
    intx: facts?.intx ?? false,
    transitional: facts?.transitional === undefined ? 'unknown' : facts.transitional ? 'yes' : 'no',
    legacy_platform: facts?.legacyPlatform ?? false,
  };
}
