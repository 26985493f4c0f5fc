/** What changed between the kernels that the facts come from. */
export interface KernelRelease {
  readonly name: string;
  /** Backend feature bits that this kernel knows. */
  readonly backendBits: bigint;
  /** SET_VRING_NUM is held to the largest size as it was at the last reset. */
  readonly latchesMaximum: boolean;
  /** SET_VRING_ADDR and SET_VRING_BASE are refused on a device that runs. */
  readonly freezesRings: boolean;
  /** SUSPEND and RESUME succeed and do nothing before DRIVER_OK. */
  readonly suspendsRunningOnly: boolean;
  /** A reset without the IOTLB_PERSIST acknowledgement clears mappings, through compat_reset. */
  readonly compatReset: boolean;
  /** SET_GROUP_ASID is refused from DRIVER_OK on. */
  readonly freezesGroups: boolean;
  /** RESUME, GET_VRING_DESC_GROUP, GET_VRING_SIZE, bind_mm and the fork control exist. */
  readonly later: boolean;
}

const OLD_BITS = 0b1_1110n;
const LATE_BITS = 0b1_1111_1110n;

/** Linux 6.1 and 6.12 as in Debian 12, and what is known of 7.0. */
export const RELEASES = {
  '6.1': {
    name: '6.1',
    backendBits: OLD_BITS,
    latchesMaximum: false,
    freezesRings: false,
    suspendsRunningOnly: false,
    compatReset: false,
    freezesGroups: false,
    later: false,
  },
  '6.12': {
    name: '6.12',
    backendBits: LATE_BITS,
    latchesMaximum: true,
    freezesRings: true,
    suspendsRunningOnly: true,
    compatReset: true,
    freezesGroups: false,
    later: true,
  },
  '7.0': {
    name: '7.0',
    backendBits: LATE_BITS,
    latchesMaximum: true,
    freezesRings: true,
    suspendsRunningOnly: true,
    compatReset: true,
    freezesGroups: true,
    later: true,
  },
} as const satisfies Record<string, KernelRelease>;
export type ReleaseName = keyof typeof RELEASES;
