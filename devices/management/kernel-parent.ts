import { FamilyError, VdpaClient } from '../../framework/management/client/client.ts';
import { NativeError } from '../../framework/native/errors.ts';
import { openNetlink } from '../../framework/native/netlink.ts';
import { defineParent } from '../../framework/parent.ts';
import { simulatorNet } from '../simulator/net/parent.ts';

/** The kernel of this machine cannot be managed; `hint` says what is missing. */
export class NoManagement extends Error {
  readonly code = 'NO_MANAGEMENT';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/**
 * Management of the kernel of this machine. Its cases make and remove devices of their own; the device of
 * the target stands in because a target has one, and no case of management looks at it.
 */
export const kernelManagementParent = defineParent({
  name: 'kernel-management',
  deviceType: 'net',
  description: 'Management of vDPA devices by the kernel of this machine (Linux, root, module vdpa)',
  only: 'management',
  external: true,
  create(environment) {
    checkKernel();
    const standIn = simulatorNet.create(environment);
    return {
      ...standIn,
      device: standIn.device,
      abilities: ['pump', 'track', 'management'],
      pump: (budget) => standIn.pump!(budget),
      management: { open: (wanted) => (wanted?.admin === false ? null : openNetlink()) },
      dispose: () => standIn.dispose?.(),
    };
  },
});

/** @throws NoManagement when there is no family to talk to */
function checkKernel(): void {
  try {
    const socket = openNetlink();
    try {
      new VdpaClient(socket);
    } finally {
      socket.dispose();
    }
  } catch (error) {
    if (error instanceof FamilyError)
      throw new NoManagement(error.message, 'load the modules: modprobe vdpa vdpa_sim_net vdpa_sim_blk');
    if (error instanceof NativeError) throw new NoManagement(error.message, error.hint);
    throw error;
  }
}
