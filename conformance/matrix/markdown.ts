import type { Claim } from './claims.ts';
import type { MatrixRow } from './matrix.ts';

/** One line of the table: what all of `claims` stand for together, or a text of its own. */
interface Facet {
  readonly name: string;
  readonly claims?: readonly Claim[];
  text?(row: MatrixRow): string;
}

/** How many claims of a kind are proved, of how many. */
const share = (kind: string) => (row: MatrixRow) => {
  const all = Object.entries(row.claims).filter(([claim]) => claim.startsWith(`${kind}:`));
  return all.length === 0 ? '–' : `${all.filter(([, by]) => by !== null).length}/${all.length}`;
};

const FACETS: readonly Facet[] = [
  { name: 'device type', text: ({ deviceType }) => deviceType },
  {
    name: 'queues, groups, address spaces',
    text: ({ queues, groups, spaces }) => `${queues}, ${groups}, ${spaces}`,
  },
  { name: 'features', text: share('feature') },
  { name: 'optional ops', text: share('op') },
  { name: 'abilities', text: share('ability') },
  { name: 'packet peer', text: share('peer') },
  { name: 'split ring', claims: ['ring:split'] },
  { name: 'packed ring', claims: ['ring:packed'] },
  { name: 'in-order use', claims: ['feature:VIRTIO_F_IN_ORDER'] },
  { name: 'through virtio-vdpa', claims: ['driver:virtio-vdpa'] },
  { name: 'through vhost-vdpa', claims: ['driver:vhost-vdpa'] },
  { name: 'live migration: suspend, positions', claims: ['op:suspend', 'ability:vq-state'] },
  { name: 'resume', claims: ['op:resume'] },
  { name: 'dirty page tracking', claims: ['ability:dirty'] },
  { name: 'several address spaces', claims: ['spaces', 'op:setGroupAsid'] },
  { name: 'virtual addresses (SVA)', claims: ['va'] },
  { name: 'whole mapping tables (set_map)', claims: ['op:setMap'] },
  { name: 'single mappings (dma_map)', claims: ['op:dmaMap'] },
  { name: 'interrupt numbers', claims: ['op:getVqIrq'] },
  { name: 'doorbell pages', claims: ['op:getVqNotification'] },
  { name: 'configuration changes', claims: ['ability:cfg-change'] },
  { name: 'forced errors', claims: ['ability:fault'] },
  { name: 'PCI registers', claims: ['transport:pci'] },
  { name: 'MMIO registers', claims: ['transport:mmio'] },
  { name: 'management', claims: ['ability:management'] },
];

/** `✓` proved by a case, `declared` where no case passed on all of it, `–` not there. */
function cell({ claims, text }: Facet, row: MatrixRow): string {
  if (text) return text(row);
  const proofs = (claims ?? []).map((claim) => row.claims[claim]);
  if (proofs.includes(undefined as never)) return '–';
  return proofs.every((by) => by !== null) ? '✓' : 'declared';
}

/** The matrix as a Markdown table, one column a parent. */
export function matrixMarkdown(rows: readonly MatrixRow[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return [
    line(['', ...rows.map(({ name }) => name)]),
    line(Array(rows.length + 1).fill('---')),
    ...FACETS.map((facet) => line([facet.name, ...rows.map((row) => cell(facet, row))])),
  ].join('');
}
