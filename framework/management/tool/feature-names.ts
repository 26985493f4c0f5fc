import { FEATURES, type FeatureBit } from '../../../specs/virtio-1.1/features.ts';

/** Bits of the transport: named the same for every device type. */
const TRANSPORT = { first: 28, last: 38 } as const;

/** Bits of network devices that came after virtio 1.1 and are named all the same. */
const LATER: ReadonlyMap<number, string> = new Map([
  [57, 'HASH_REPORT'],
  [60, 'RSS'],
  [63, 'SPEED_DUPLEX'],
]);

const rows: readonly FeatureBit[] = FEATURES;

/** Names of bits of one scope, without the prefix that all of them share. */
function names(scopes: readonly string[], prefix: string): Map<number, string> {
  return new Map(
    rows
      .filter((row) => scopes.includes(row.scope) && row.name.startsWith(prefix))
      .map((row) => [row.bit, row.name.slice(prefix.length)]),
  );
}

const net = new Map([...names(['net'], 'VIRTIO_NET_F_'), ...names(['legacy'], 'VIRTIO_F_'), ...LATER]);
const transport = new Map(
  [...names(['common'], 'VIRTIO_F_')].map(([bit, name]) => [
    bit,
    name === 'INDIRECT_DESC' || name === 'EVENT_IDX' ? `RING_${name}` : name,
  ]),
);

/** Name of a feature bit as the tool prints it; undefined where it prints `bit_N`. */
export function featureName(bit: number, network: boolean): string | undefined {
  if (bit >= TRANSPORT.first && bit <= TRANSPORT.last) return transport.get(bit);
  return network ? net.get(bit) : undefined;
}
