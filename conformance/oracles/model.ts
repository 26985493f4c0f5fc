import { followDevice } from '../../specs/model/device.ts';
import { watchRings } from '../../specs/model/rings/watch.ts';
import type { Violation } from '../../specs/model/violation.ts';
import type { Finding, Oracle, OracleName } from './finding.ts';

const finding = (oracle: OracleName, violation: Violation): Finding => ({
  oracle,
  ...violation,
  kind: 'broken',
});

/** Invariants of memory and rings. */
export const memoryAndRings: Oracle = ({ events, target }) =>
  watchRings(events, target.type).map((one) => finding('invariant', one));

/** The reference model of status, features, queues and configuration. */
export const model: Oracle = ({ events, target }) =>
  followDevice(events, target.type).map((one) => finding('model', one));
