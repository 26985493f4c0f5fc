import { ManagementError } from '../../../framework/management/management-error.ts';
import { littleEndian } from '../../../framework/netlink/attribute.ts';
import { NL_ERRNO as E, NetlinkError } from '../../../framework/netlink/netlink-error.ts';
import { attributeId } from '../../../specs/vdpa/netlink.ts';
import type { ManagedInstance } from '../../management/parent.ts';
import type { Defect } from '../defect.ts';
import { around, emptyAnswer, onAnswers, server, without } from './server-defect.ts';

/** Ask for the statistics of queue `index` instead. */
const askForQueue = (instance: ManagedInstance, choose: (index: Uint8Array | undefined) => number | null) =>
  around(instance, 'dev-vstats-get', (action) => (request, note) => {
    const queue = attributeId('dev-queue-index');
    const index = choose(request.attributes.get(queue));
    if (index === null) return action(request, note);
    const attributes = new Map(request.attributes).set(queue, littleEndian(BigInt(index), 4));
    return action({ ...request, attributes }, note);
  });

export const STATISTICS: readonly Defect[] = [
  server('queue-0-by-default', ['M51'], 'takes queue 0 when none is named', (instance) =>
    askForQueue(instance, (index) => (index === undefined ? 0 : null)),
  ),
  server('index-cut-off', ['M52'], 'looks at the low 15 bits of a queue index only', (instance) =>
    askForQueue(instance, (index) => (index === undefined ? null : (index[0] | (index[1] << 8)) & 0x7fff)),
  ),
  server('statistics-too-early', ['M53'], 'answers without statistics before negotiation', (instance) =>
    around(instance, 'dev-vstats-get', (action) => (request, note) => {
      try {
        return action(request, note);
      } catch (error) {
        if (error instanceof NetlinkError && error.errno === E.EAGAIN) return emptyAnswer('dev-vstats-get');
        throw error;
      }
    }),
  ),
  server('names-without-values', ['M54'], 'tells the names of statistics without their values', (instance) =>
    onAnswers(instance, 'dev-vstats-get', without('dev-vendor-attr-value')),
  ),
  server('set-mac-forgotten', ['M55'], 'acknowledges a MAC address and keeps the old one', ({ system }) => {
    system.management.set = () => undefined;
  }),
  server('group-address-set', ['M56'], 'sets a group address', ({ system }) => {
    const { management } = system;
    management.set = (name, attributes) => {
      const { by, instance } = management.managed(name)!;
      if (attributes.mac === undefined) throw new ManagementError(E.EOPNOTSUPP);
      by.devSetAttributes!(instance, attributes);
      return undefined;
    };
  }),
];
