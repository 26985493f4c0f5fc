import { getSystemErrorMap } from 'node:util';

/** Texts of the C library where they differ from those that Node.js has, by errno. */
const TEXTS: ReadonlyMap<number, string> = new Map([
  [1, 'Operation not permitted'],
  [2, 'No such file or directory'],
  [5, 'Input/output error'],
  [11, 'Resource temporarily unavailable'],
  [12, 'Cannot allocate memory'],
  [14, 'Bad address'],
  [16, 'Device or resource busy'],
  [17, 'File exists'],
  [19, 'No such device'],
  [22, 'Invalid argument'],
  [28, 'No space left on device'],
  [34, 'Numerical result out of range'],
  [90, 'Message too long'],
  [95, 'Operation not supported'],
]);

/** What `strerror` says of an errno. */
export function errnoText(errno: number): string {
  return TEXTS.get(errno) ?? getSystemErrorMap().get(-errno)?.[1] ?? `Unknown error ${errno}`;
}
