import {
  CAP_TYPE,
  CONTEXT_AT,
  DOORBELL_BAR_OFFSET_AT,
  HEADER,
  LENGTH,
  NIC_VPORT,
  NIC_VPORT_SIZE,
  NULL_MKEY,
  PERMANENT_ADDRESS_AT,
  UMEM_PARAMS_AT,
  VDPA_CAP,
  VDPA_CAP_SIZE,
  VPORT_STATE,
} from '../prm/commands.ts';
import { DWORD, get64, getField, putField } from '../prm/fields.ts';
import { EVENT_MODE, QUEUE_TYPE, toVirtioFeatures } from '../prm/net-queue.ts';
import { TISC } from '../prm/steering.ts';
import type { FunctionAccess } from './access.ts';
import { Mlx5Commands } from './commands.ts';

/** Link layer header, VLAN tag and check sequence, by which the MTU of the port is larger. */
const PORT_OVERHEAD = 22;
/** Largest queue that the driver sets up. */
const MAX_QUEUE_SIZE = 256;

/** The function cannot do what the driver needs. */
export class Mlx5ProbeError extends Error {
  readonly code = 'MLX5_PROBE_FAILED';
}

/** What the driver asks the function once, and the objects that it makes once: user context, domains, pages. */
export class Resources {
  readonly access: FunctionAccess;
  readonly commands: Mlx5Commands;
  readonly #user: number;
  readonly uar: number;
  readonly pd: number;
  readonly transportDomain: number;
  readonly tis: number;
  readonly nullKey: number;

  readonly maxQueues: number;
  readonly maxQueueSize = MAX_QUEUE_SIZE;
  /** Virtio features that queue objects can have. */
  readonly features: bigint;
  readonly freezeToReady: boolean;
  readonly descGroup: boolean;
  readonly eventMode: number;
  readonly umemParams: readonly (readonly [a: number, b: number])[];
  readonly doorbellOffset: number;
  readonly mac: Uint8Array;
  readonly mtu: number;

  /** @throws Mlx5ProbeError when something is missing, CommandFailed */
  constructor(access: FunctionAccess, wantsVectors: boolean) {
    this.access = access;
    this.commands = new Mlx5Commands(access);
    const { commands } = this;
    const caps = commands.run(
      'QUERY_HCA_CAP',
      LENGTH.plain,
      (input) => putField(input, 0, HEADER.op_mod, CAP_TYPE.VDPA_EMULATION * 2 + 1),
      CONTEXT_AT.capability + VDPA_CAP_SIZE,
    );
    const at = CONTEXT_AT.capability;
    if ((getField(caps, at, VDPA_CAP.virtio_queue_type) & (1 << QUEUE_TYPE.SPLIT)) === 0)
      throw new Mlx5ProbeError('the function has no split virtqueues');
    this.maxQueues = getField(caps, at, VDPA_CAP.max_num_virtio_queues) & ~1;
    if (this.maxQueues < 2) throw new Mlx5ProbeError('the function has fewer than two virtqueues');
    this.features = toVirtioFeatures(getField(caps, at, VDPA_CAP.device_features_bits_mask));
    this.freezeToReady = getField(caps, at, VDPA_CAP.freeze_to_rdy_supported) === 1;
    this.descGroup = getField(caps, at, VDPA_CAP.desc_group_mkey_supported) === 1;
    const modes = getField(caps, at, VDPA_CAP.event_mode);
    this.eventMode = wantsVectors && modes & (1 << EVENT_MODE.MSIX) ? EVENT_MODE.MSIX : EVENT_MODE.QP;
    this.umemParams = [0, 1, 2].map((i) => [
      getField(caps, at + UMEM_PARAMS_AT + 8 * i, DWORD),
      getField(caps, at + UMEM_PARAMS_AT + 8 * i + 4, DWORD),
    ]);
    this.doorbellOffset = get64(caps, at + DOORBELL_BAR_OFFSET_AT);

    const vport = commands.run(
      'QUERY_NIC_VPORT_CONTEXT',
      LENGTH.plain,
      undefined,
      CONTEXT_AT.nicVport + NIC_VPORT_SIZE,
    );
    const mac = CONTEXT_AT.nicVport + PERMANENT_ADDRESS_AT + 2;
    this.mac = vport.slice(mac, mac + 6);
    this.mtu = getField(vport, CONTEXT_AT.nicVport, NIC_VPORT.mtu) - PORT_OVERHEAD;

    this.#user = commands.create('CREATE_UCTX');
    commands.uid = this.#user;
    this.uar = commands.create('ALLOC_UAR');
    this.pd = commands.create('ALLOC_PD');
    this.nullKey = getField(commands.run('QUERY_SPECIAL_CONTEXTS'), 0, NULL_MKEY);
    this.transportDomain = commands.create('ALLOC_TRANSPORT_DOMAIN');
    this.tis = commands.create('CREATE_TIS', LENGTH.tis, (input) =>
      putField(input, CONTEXT_AT.tis, TISC.transport_domain, this.transportDomain),
    );
  }

  /** Whether the port has a carrier. */
  linkUp(): boolean {
    return getField(this.commands.run('QUERY_VPORT_STATE'), 0, VPORT_STATE.state) === 1;
  }

  release(): void {
    const { commands } = this;
    commands.destroy('DESTROY_TIS', this.tis);
    commands.destroy('DEALLOC_TRANSPORT_DOMAIN', this.transportDomain);
    commands.destroy('DEALLOC_PD', this.pd);
    commands.destroy('DEALLOC_UAR', this.uar);
    commands.uid = 0;
    commands.destroy('DESTROY_UCTX', this.#user);
  }
}
