import { ManagementError } from '../../../framework/management/management-error.ts';
import { attributeId } from '../../../specs/vdpa/netlink.ts';
import type { Defect } from '../defect.ts';
import { onAnswers, opOf, server, without } from './server-defect.ts';

/** Wrong management servers: management devices. */
export const MANAGEMENT_DEVICES: readonly Defect[] = [
  server('features-untold', ['M11'], 'does not tell the features of a management device', (instance) =>
    onAnswers(instance, 'mgmtdev-get', without('dev-supported-features')),
  ),
  server('classes-shifted', ['M11'], 'counts device types from 0', (instance) =>
    onAnswers(instance, 'mgmtdev-get', (all) =>
      all.map((one) =>
        one.type === attributeId('mgmtdev-supported-classes')
          ? { type: one.type, payload: one.payload.map((byte) => byte >> 1) }
          : one,
      ),
    ),
  ),
  server('lists-twice', ['M12'], 'lists every management device twice', (instance) => {
    const op = opOf(instance, 'mgmtdev-get');
    const { dump } = op;
    op.dump = (index, request) => dump!(index >> 1, request);
  }),
  server('refusal-without-text', ['M13', 'M23'], 'refuses without saying why', ({ system }) => {
    const { management } = system;
    const { find } = management;
    management.find = (handle) => {
      try {
        return find.call(management, handle, '');
      } catch (error) {
        throw new ManagementError((error as ManagementError).errno);
      }
    };
  }),
  server(
    'prefix-suffices',
    ['M13'],
    'finds a management device by the beginning of its name',
    ({ system }) => {
      const { management } = system;
      const { find } = management;
      management.find = ({ bus, name }, text) => {
        const long = management
          .managementDevices()
          .find((one) => name !== undefined && one.name.startsWith(name));
        return find.call(management, { bus, name: long?.name ?? name }, text);
      };
    },
  ),
  server('bus-ignored', ['M14'], 'finds a management device with any bus', ({ system }) => {
    const { management } = system;
    const { find } = management;
    management.find = ({ name }, text) => find.call(management, { name }, text);
  }),
];
