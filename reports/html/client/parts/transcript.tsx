import { useState } from 'preact/hooks';
import type { TranscriptLine } from '../../../results.ts';
import { useView } from '../context.ts';

/** Lines shown before and after the failure when a transcript is long. */
const BEFORE = 60;
const AFTER = 20;

interface TranscriptProps {
  lines: readonly TranscriptLine[];
  steps: readonly string[];
  /** Index of the event at which the failure showed. */
  focus?: number;
}

/** Who did what, in two lanes, with the place of the failure marked. */
export function Transcript({ lines, steps, focus }: TranscriptProps) {
  const { printing } = useView();
  const [all, setAll] = useState(false);
  const at = focus === undefined ? -1 : lastBefore(lines, focus);
  const whole = all || printing || lines.length <= BEFORE + AFTER + 20;
  const centre = at < 0 ? lines.length - 1 : at;
  const from = whole ? 0 : Math.max(0, centre - BEFORE);
  const to = whole ? lines.length : Math.min(lines.length, centre + AFTER);
  const hidden = lines.length - (to - from);
  return (
    <div class="transcript">
      {hidden > 0 && (
        <button type="button" class="more" onClick={() => setAll(true)}>
          Show all {lines.length} lines ({hidden} more)
        </button>
      )}
      <div class="lanes-head" aria-hidden="true">
        <span>Driver</span>
        <span>Device</span>
      </div>
      <ol class="lanes" start={from + 1}>
        {lines.slice(from, to).map((line, i) => (
          <Line
            key={from + i}
            line={line}
            step={
              from + i === 0 || lines[from + i - 1].step !== line.step || i === 0
                ? steps[line.step]
                : undefined
            }
            marked={from + i === at}
          />
        ))}
      </ol>
    </div>
  );
}

/** The last line at or before the event, where one exists. */
function lastBefore(lines: readonly TranscriptLine[], event: number): number {
  return lines.findLastIndex((line) => line.event <= event);
}

function Line({ line, step, marked }: { line: TranscriptLine; step?: string; marked: boolean }) {
  return (
    <>
      {step !== undefined && (
        <li class="lane-step">
          <span class="step-number">step {line.step + 1}</span> <code>{step}</code>
        </li>
      )}
      <li
        class={`lane lane-${line.from}${marked ? ' lane-marked' : ''}`}
        aria-current={marked ? 'true' : undefined}
      >
        <span class="lane-from">{line.from}</span>
        <code>{line.text}</code>
        {marked && <span class="here">the failure shows here</span>}
      </li>
    </>
  );
}
