import { configFields } from '../../../specs/virtio-1.1/config-space.ts';
import { bitMask, F_NOTIFICATION_DATA } from '../../../specs/virtio-1.1/features.ts';
import type { Session } from '../../session/session.ts';
import { FUNCTION_CHECKS, type FunctionSeen } from '../../transport/function-checks.ts';
import { functionOf, pciOf, registerPlace, selectQueue } from '../../transport/reach.ts';
import { defineStep, obj, oneOf } from '../step.ts';

/** `pci-function`: what configuration space says about the function. */
export const pciFunctionStep = defineStep<{ check: string }, FunctionSeen>({
  name: 'pci-function',
  summary:
    'Walk PCI configuration space and check one thing about what is found: the header, the capability list, a virtio ' +
    `structure. There are ${Object.keys(FUNCTION_CHECKS).join(', ')}.`,
  example: '{pci-function: {check: common-present}}',
  schema: obj({ check: oneOf(...Object.keys(FUNCTION_CHECKS)) }, ['check']),
  run(session, { check }) {
    const { access } = pciOf(session);
    const offered = session.offered;
    return {
      view: functionOf(session),
      bars: access.bars.map((bar) => (bar === null ? null : { kind: bar.kind, size: bar.size })),
      ...(check === 'bars' ? { sizing: sizeBars(session) } : {}),
      type: session.deviceType,
      transitional: access.facts.transitional ?? false,
      notificationData: (offered & F_NOTIFICATION_DATA) !== 0n,
      ...(check === 'notify-room' ? { notifyOffsets: notifyOffsets(session) } : {}),
      configEnd: configFields(session.deviceType)
        .filter(({ condition }) => condition.length === 0 || condition.some((f) => offered & bitMask([f])))
        .reduce((end, { offset, width }) => Math.max(end, offset + width), 0),
    };
  },
  judge: ({ check }, what) => FUNCTION_CHECKS[check](what),
});

/** Write all ones to each BAR and read back, with decoding off; everything is put back. */
function sizeBars(session: Session): number[] {
  const { config } = pciOf(session);
  const command = config.read(0x04, 2);
  config.write(0x04, 2, command & ~3);
  const masks = [0, 1, 2, 3, 4, 5].map((i) => {
    const at = 0x10 + 4 * i;
    const old = config.read(at, 4);
    config.write(at, 4, 0xffff_ffff);
    const mask = config.read(at, 4);
    config.write(at, 4, old);
    return mask;
  });
  config.write(0x04, 2, command);
  return masks;
}

function notifyOffsets(session: Session): { q: number; off: number }[] {
  const read = (name: string) => {
    const { space, at, size } = registerPlace(session, name, undefined, undefined);
    return space.read(at, size);
  };
  return Array.from({ length: read('num_queues') }, (_, q) => {
    selectQueue(session, q);
    return { q, size: read('queue_size'), off: read('queue_notify_off') };
  })
    .filter(({ size }) => size !== 0)
    .map(({ q, off }) => ({ q, off }));
}
