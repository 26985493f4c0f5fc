import { bitMask, FEATURES, namesOf, withDependencies } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { BASELINE } from '../session/bring-up.ts';
import { defineStep, INT, list, obj, TEXT } from './step.ts';

interface OverreachSeen {
  bits: { bit: number; featuresOk: boolean; inForce?: boolean }[];
}

/** `overreach`: accept features that the device does not offer. */
export const overreachStep = defineStep<{ bits: number[] }, OverreachSeen>({
  name: 'overreach',
  summary:
    'For each of the bits that the device does not offer: a session of its own that accepts the baseline and this bit. The ' +
    'device has to leave FEATURES_OK clear, or not to have the bit in force. Bits that are offered are passed over.',
  example: '{overreach: {bits: [39, 50]}}',
  schema: obj({ bits: { anyOf: [list(INT, 1), TEXT] } }, ['bits']),
  run(session, args) {
    const { ops, virtio } = session;
    const bits: OverreachSeen['bits'] = [];
    for (const bit of args.bits) {
      const mask = 1n << BigInt(bit);
      const offered = ops.getDeviceFeatures();
      if ((offered & mask) !== 0n) continue;
      session.reset();
      virtio.addStatus(STATUS.ACKNOWLEDGE);
      virtio.addStatus(STATUS.DRIVER);
      ops.setDriverFeatures(((BASELINE | session.wanted) & offered) | mask);
      virtio.addStatus(STATUS.FEATURES_OK);
      const featuresOk = (ops.getStatus() & STATUS.FEATURES_OK) !== 0;
      const known = session.instance.abilities.includes('drvfeat');
      bits.push({ bit, featuresOk, ...(known ? { inForce: (ops.getDriverFeatures() & mask) !== 0n } : {}) });
    }
    return { bits };
  },
  judge: (_, { bits }) =>
    bits
      .filter(({ featuresOk, inForce }) => featuresOk && inForce !== false)
      .slice(0, 3)
      .map(({ bit, inForce }) => ({
        expected: `FEATURES_OK stays clear when bit ${bit}, which is not offered, is accepted`,
        actual: inForce ? 'FEATURES_OK is set and the bit is in force' : 'FEATURES_OK is set',
      })),
});

/** `broken-dependencies`: accept features without what they need. */
export const brokenDependenciesStep = defineStep<{ only?: string[] }, { set: string; featuresOk: boolean }[]>(
  {
    name: 'broken-dependencies',
    summary:
      'For each offered feature that depends on others: a session of its own that accepts it without them. The device has ' +
      'to leave FEATURES_OK clear. `only` limits it to some features.',
    example: '{broken-dependencies: {}}',
    schema: obj({ only: list(TEXT) }),
    run(session, args) {
      const { ops, virtio, deviceType: scope } = session;
      const offered = ops.getDeviceFeatures();
      const base = (BASELINE | session.wanted) & offered;
      const only = args.only === undefined ? ~0n : bitMask(args.only);
      const seen: { set: string; featuresOk: boolean }[] = [];
      for (const { bit, scope: own, requires } of FEATURES) {
        const mask = 1n << BigInt(bit);
        if (own !== scope || requires.length === 0 || (offered & only & mask) === 0n) continue;
        if ((withDependencies(mask, scope) & ~(base | mask)) === 0n) continue;
        session.reset();
        virtio.addStatus(STATUS.ACKNOWLEDGE);
        virtio.addStatus(STATUS.DRIVER);
        ops.setDriverFeatures(base | mask);
        virtio.addStatus(STATUS.FEATURES_OK);
        seen.push({
          set: namesOf(base | mask, scope).join(', '),
          featuresOk: (ops.getStatus() & STATUS.FEATURES_OK) !== 0,
        });
      }
      return seen;
    },
    judge: (_, seen) =>
      seen
        .filter(({ featuresOk }) => featuresOk)
        .slice(0, 3)
        .map(({ set }) => ({ expected: `FEATURES_OK stays clear for ${set}`, actual: 'FEATURES_OK is set' })),
  },
);
