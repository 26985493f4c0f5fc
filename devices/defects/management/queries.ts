import { littleEndian } from '../../../framework/netlink/attribute.ts';
import { NL_ERRNO as E, NetlinkError } from '../../../framework/netlink/netlink-error.ts';
import { attributeId } from '../../../specs/vdpa/netlink.ts';
import type { Defect } from '../defect.ts';
import { around, emptyAnswer, onAnswers, opOf, server, without } from './server-defect.ts';

export const QUERIES: readonly Defect[] = [
  server('smallest-size-untold', ['M41'], 'does not tell the smallest queue size', (instance) =>
    onAnswers(instance, 'dev-get', without('dev-min-vq-size')),
  ),
  server('one-queue-more', ['M41'], 'counts one queue too many', (instance) =>
    onAnswers(instance, 'dev-get', (all) =>
      all.map((one) =>
        one.type === attributeId('dev-max-vqs')
          ? { type: one.type, payload: littleEndian(BigInt(one.payload[0] + 1), 4) }
          : one,
      ),
    ),
  ),
  server('newest-first', ['M42'], 'lists the newest device first', (instance) => {
    const op = opOf(instance, 'dev-get');
    const { dump } = op;
    op.dump = (index, request) => {
      let count = 0;
      while (dump!(count, request) !== null) count++;
      return index < count ? dump!(count - 1 - index, request) : null;
    };
  }),
  server('mtu-without-feature', ['M43'], 'tells an MTU that the device does not offer', (instance) =>
    onAnswers(instance, 'dev-config-get', (all) => {
      const mtu = attributeId('dev-net-cfg-mtu');
      return all.some(({ type }) => type === mtu)
        ? all
        : [...all, { type: mtu, payload: littleEndian(1500n, 2) }];
    }),
  ),
  server('features-too-early', ['M44'], 'tells features in force before there are any', (instance) =>
    onAnswers(instance, 'dev-config-get', (all) => {
      const features = attributeId('dev-negotiated-features');
      if (all.some(({ type }) => type === features)) return all;
      return [...all.slice(0, 2), { type: features, payload: littleEndian(0n, 8) }, ...all.slice(2)];
    }),
  ),
  server('features-never-told', ['M44'], 'never tells the features in force', (instance) =>
    onAnswers(instance, 'dev-config-get', without('dev-negotiated-features')),
  ),
  server('capacity-in-bytes', ['M45'], 'tells the capacity in bytes', (instance) =>
    onAnswers(instance, 'dev-config-get', (all) =>
      all.map((one) =>
        one.type === attributeId('dev-blk-cfg-capacity')
          ? { type: one.type, payload: littleEndian(0x4_0000n * 512n, 8) }
          : one,
      ),
    ),
  ),
  server(
    'unknown-is-empty',
    ['M46'],
    'answers a query for an unknown device with an empty one',
    (instance) => {
      for (const command of ['dev-get', 'dev-config-get'] as const)
        around(instance, command, (action) => (request, note) => {
          try {
            return action(request, note);
          } catch (error) {
            if (error instanceof NetlinkError && error.errno === E.ENODEV) return emptyAnswer(command);
            throw error;
          }
        });
    },
  ),
];
