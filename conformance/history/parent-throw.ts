import { DeviceAbsent, DeviceFailure } from '../../framework/device-failure.ts';
import { NoMeans } from '../../framework/parent.ts';
import type { HistoryEvent } from './events.ts';
import { HistoryOverflow, type Recorder } from './recorder.ts';

/** Ends the run of a case after the parent threw: what follows could not be trusted. */
export class ParentCrash extends Error {
  readonly code = 'PARENT_CRASH';
}

type ThrowEvent = Extract<HistoryEvent, { k: 'throw' }>;

/** Files of the suite's own build: their frames say nothing about the parent and differ from build to build. */
const OWN_BUILD = /\((?:chunk-\w+|\w+(?:-\w+)?)\.js:/;

/** Up to three stack frames of `error`, file names only, so that histories do not depend on the machine. */
function frames(error: unknown): string | undefined {
  const stack = error instanceof Error ? error.stack : undefined;
  if (typeof stack !== 'string') return undefined;
  const lines = stack
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .map((line) => line.trim().replace(/\(?(?:file:\/\/)?[^\s()]*\/([^/\s()]+)\)?$/, '($1)'))
    .filter((line) => !OWN_BUILD.test(line));
  return lines.length === 0 ? undefined : lines.slice(0, 3).join(' < ');
}

/** `error` in words, whatever it is: a parent may throw anything. */
export function errorText(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return 'something that cannot be shown';
  }
}

/** Write the exception of a parent into the history and stop the case. */
export function recordThrow(recorder: Recorder, op: string, error: unknown): never {
  if (error instanceof HistoryOverflow || error instanceof NoMeans || error instanceof DeviceAbsent)
    throw error;
  const event = thrown(op, error);
  recorder.events.push(event);
  throw new ParentCrash(`${op}: ${event.error}`, { cause: error });
}

/** How the history has it that `op` threw `error`. */
export function thrown(op: string, error: unknown): ThrowEvent {
  const at = error instanceof DeviceFailure ? undefined : frames(error);
  const hang = error instanceof DeviceFailure && error.code === 'DEVICE_HUNG' ? { hang: true as const } : {};
  return { k: 'throw', op, error: errorText(error), ...(at === undefined ? {} : { at }), ...hang };
}
