import type { PictureMemory } from '../../../results.ts';
import { useNarrow } from './width.ts';

const ROLE_TEXT: Readonly<Record<PictureMemory['role'], string>> = {
  readable: 'device-readable',
  writable: 'device-writable',
  desc: 'descriptors',
  driver: 'driver area',
  device: 'device area',
  table: 'indirect table',
  other: 'not for the device',
};

const bytes = (n: number): string => `${n.toLocaleString('en')} B`;

/** Stretches of memory with the bytes that the device stored; stores where it must not are marked. */
export function MemoryPicture({ memory }: { memory: readonly PictureMemory[] }) {
  const narrow = useNarrow();
  const forbidden = memory.flatMap((one) =>
    one.stores.filter(([, , allowed]) => !allowed).map((store) => ({ one, store })),
  );
  const width = narrow ? 340 : 1000;
  const label = narrow ? 0 : 380;
  const pitch = narrow ? 46 : 30;
  const height = memory.length * pitch + 4;
  return (
    <figure class="picture">
      <figcaption>
        <b>Memory</b> · each bar is one stretch, drawn to its own scale; marks are stores of the device
      </figcaption>
      <svg
        class="memory"
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={describe(memory)}
      >
        <defs>
          <pattern
            id="forbidden"
            width="6"
            height="6"
            patternUnits="userSpaceOnUse"
            patternTransform="rotate(45)"
          >
            <rect class="hatch-ground" width="6" height="6" />
            <rect class="hatch-line" width="2.5" height="6" />
          </pattern>
        </defs>
        {memory.map((one, i) => (
          <Stretch key={i} one={one} y={i * pitch} x={label} width={width - label} narrow={narrow} />
        ))}
      </svg>
      <p class="picture-key">
        <span class="key key-allowed">store</span>
        <span class="key key-forbidden">✕ store where the device must not write</span>
      </p>
      {forbidden.length > 0 && (
        <ul class="picture-notes">
          {forbidden.map(({ one, store: [offset, length] }, i) => (
            <li key={i}>
              {bytes(length)} stored at +{offset} of “{one.name}” (iova {one.iova}), {ROLE_TEXT[one.role]}
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}

interface StretchProps {
  one: PictureMemory;
  x: number;
  y: number;
  width: number;
  narrow: boolean;
}

function Stretch({ one, x, y, width, narrow }: StretchProps) {
  const barY = y + (narrow ? 20 : 5);
  const { size, stores, role } = one;
  const scale = (width - 2) / Math.max(1, size);
  return (
    <g>
      <text class="memory-name" x={0} y={y + (narrow ? 14 : 19)}>
        {one.name}
        <tspan class="memory-place">
          {' '}
          {one.iova} · {bytes(size)} · {ROLE_TEXT[role]}
        </tspan>
      </text>
      <rect class={`memory-bar memory-${role}`} x={x + 1} y={barY} width={width - 2} height={18} rx={3} />
      {stores.map(([offset, length, allowed], i) => (
        <rect
          key={i}
          class={allowed ? 'store-allowed' : 'store-forbidden'}
          x={x + 1 + offset * scale}
          y={barY + (allowed ? 3 : 0)}
          width={Math.max(3, length * scale)}
          height={allowed ? 12 : 18}
        >
          <title>
            {allowed ? 'store' : 'store where the device must not write'}: +{offset}, {bytes(length)}
          </title>
        </rect>
      ))}
    </g>
  );
}

/** The drawing in words. */
function describe(memory: readonly PictureMemory[]): string {
  const bad = memory.filter(({ stores }) => stores.some(([, , allowed]) => !allowed)).map(({ name }) => name);
  const wrote = memory.filter(({ stores }) => stores.length > 0).map(({ name }) => name);
  return `${memory.length} stretches of memory. The device stored into: ${wrote.join(', ') || 'none'}. Forbidden stores in: ${bad.join(', ') || 'none'}.`;
}
