import type { PictureQueue, PictureSlot } from '../../../results.ts';
import { elementsText, flagsText, positionOf, type RingCell, ringCells } from './ring-cells.ts';
import { useNarrow } from './width.ts';

const CELL = { width: 104, height: 70 };
const ROW_GAP = 36;
const TOP = 18;

interface Marker {
  slot: number;
  text: string;
  side: 'above' | 'below';
}

/** One ring: its slots, where driver and device stand, and what the device gave back. */
export function RingPicture({ queue }: { queue: PictureQueue }) {
  const { packed, num, driverPosition, devicePosition } = queue;
  const driver = positionOf(driverPosition, num);
  const device = positionOf(devicePosition, num);
  const markers: Marker[] = [];
  if (driver !== undefined)
    markers.push({ slot: driver, text: packed ? 'driver next' : 'avail next', side: 'above' });
  if (device !== undefined)
    markers.push({ slot: device, text: packed ? 'device next' : 'used next', side: 'below' });
  const wrong = queue.slots.filter((slot) => slot.wrong);
  return (
    <figure class="picture">
      <figcaption>
        <b>Queue {queue.queue}</b> · {packed ? 'packed' : 'split'}, {num} slots · driver at {driverPosition}
        {device === undefined ? '' : `, device at ${devicePosition}`}
      </figcaption>
      {packed ? (
        <Grid queue={queue} markers={markers} title="Descriptor ring" draw={packedLines} />
      ) : (
        <>
          <Grid
            queue={{ ...queue, slots: queue.slots.map(withoutUsed) }}
            markers={[]}
            title="Descriptor table"
            draw={descriptorLines}
          />
          <Grid
            queue={{ ...queue, slots: queue.slots.map(onlyUsed) }}
            markers={markers}
            title="Used ring"
            draw={usedLines}
          />
        </>
      )}
      {wrong.length > 0 && (
        <ul class="picture-notes">
          {wrong.map((slot) => (
            <li key={slot.slot}>
              {packed ? 'Slot' : 'Used element'} {slot.slot}: {slot.wrong}
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}

/** In a split queue, `used` and what is wrong belong to the used ring, everything else to the table. */
const withoutUsed = ({ used: _, wrong: _wrong, ...slot }: PictureSlot): PictureSlot => slot;
const onlyUsed = ({ slot, used, wrong }: PictureSlot): PictureSlot => ({
  slot,
  state: used ? 'used' : 'free',
  ...(used ? { used } : {}),
  ...(wrong ? { wrong } : {}),
});

const packedLines = (slot: PictureSlot): string[] => [
  ...descriptorLines(slot),
  ...(slot.used ? [`id ${slot.used.id} len ${slot.used.len ?? '–'}`] : []),
  ...(slot.used?.flags === undefined ? [] : [flagsText(slot.used.flags)]),
];

const descriptorLines = (slot: PictureSlot): string[] => {
  const text = elementsText(slot);
  return [`${slot.buffer ?? ''}${slot.indirect ? ' (table)' : ''}`, text];
};

const usedLines = ({ used }: PictureSlot): string[] =>
  used ? [`id ${used.id}`, `len ${used.len ?? '–'}`] : [''];

interface GridProps {
  queue: PictureQueue;
  markers: readonly Marker[];
  title: string;
  draw(slot: PictureSlot): string[];
}

function Grid({ queue, markers, title, draw }: GridProps) {
  const narrow = useNarrow();
  const cells = ringCells(queue, new Set(markers.map(({ slot }) => slot)));
  const columns = columnsFor(cells.length, narrow ? 3 : 10);
  const rows = Math.ceil(cells.length / columns);
  const pitch = CELL.height + (markers.length > 0 ? ROW_GAP : 8);
  const top = markers.length > 0 ? TOP : 2;
  const size = { width: columns * CELL.width + 4, height: top + rows * pitch };
  return (
    <div class="ring">
      <p class="ring-title">{title}</p>
      <svg
        width={size.width}
        height={size.height}
        viewBox={`0 0 ${size.width} ${size.height}`}
        role="img"
        aria-label={describe(queue, title, markers)}
      >
        {cells.map((cell, i) => {
          const place = { x: 2 + (i % columns) * CELL.width, y: top + Math.floor(i / columns) * pitch };
          return <Cell key={i} cell={cell} place={place} draw={draw} markers={markers} />;
        })}
      </svg>
    </div>
  );
}

/** As many columns as fit, preferably such that all rows are full. */
function columnsFor(cells: number, most: number): number {
  if (cells <= most) return Math.max(1, cells);
  for (let columns = most; columns > most / 2; columns--) if (cells % columns === 0) return columns;
  return most;
}

/** The drawing in words. */
function describe(queue: PictureQueue, title: string, markers: readonly Marker[]): string {
  const used = queue.slots.filter(({ state }) => state !== 'free');
  const slots = used.map(
    ({ slot, state, buffer }) => `slot ${slot} ${state}${buffer ? ` by ${buffer}` : ''}`,
  );
  const marks = markers.map(({ slot, text }) => `${text} at ${slot}`);
  return `${title} of queue ${queue.queue}, ${queue.num} slots. ${[...slots, ...marks].join(', ') || 'All free'}.`;
}

interface CellProps {
  cell: RingCell;
  place: { x: number; y: number };
  draw(slot: PictureSlot): string[];
  markers: readonly Marker[];
}

const clip = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`;

function Cell({ cell, place: { x, y }, draw, markers }: CellProps) {
  const { width, height } = CELL;
  if (cell.kind === 'gap') {
    return (
      <text class="cell-gap" x={x + width / 2} y={y + height / 2 + 4} text-anchor="middle">
        ⋯ {cell.count} free ⋯
      </text>
    );
  }
  const { slot } = cell;
  const [name, ...lines] = draw(slot);
  return (
    <g class={`cell cell-${slot.state}${slot.wrong ? ' cell-wrong' : ''}`}>
      <title>
        {[`slot ${slot.slot}: ${slot.state}`, name, ...lines, slot.wrong ?? '']
          .filter((text) => text !== '')
          .join(', ')}
      </title>
      <rect x={x + 2} y={y} width={width - 4} height={height} rx={4} />
      <text class="cell-slot" x={x + 8} y={y + 14}>
        {slot.slot}
      </text>
      <text class="cell-state" x={x + width - 8} y={y + 14} text-anchor="end">
        {slot.wrong ? `${slot.state} ✕` : slot.state}
      </text>
      <text class="cell-name" x={x + 8} y={y + 31}>
        {clip(name, 13)}
      </text>
      {lines.map((line, i) => (
        <text key={i} class="cell-line" x={x + 8} y={y + 44 + i * 11}>
          {clip(line, 16)}
        </text>
      ))}
      {markers
        .filter((marker) => marker.slot === slot.slot)
        .map(({ side, text }) => (
          <text
            key={side}
            class="cell-marker"
            x={x + width / 2}
            y={side === 'above' ? y - 5 : y + height + 13}
            text-anchor="middle"
          >
            {side === 'above' ? `▼ ${text}` : `▲ ${text}`}
          </text>
        ))}
    </g>
  );
}
