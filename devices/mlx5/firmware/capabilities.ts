import {
  CAP_TYPE,
  CONTEXT_AT,
  DOORBELL_BAR_OFFSET_AT,
  HEADER,
  NIC_VPORT,
  NIC_VPORT_SIZE,
  PERMANENT_ADDRESS_AT,
  UMEM_PARAMS_AT,
  VDPA_CAP,
  VDPA_CAP_SIZE,
  VPORT_STATE,
} from '../prm/commands.ts';
import { DWORD, getField, put64, putField } from '../prm/fields.ts';
import { QUEUE_TYPE } from '../prm/net-queue.ts';
import { demand } from './failure.ts';
import type { Command, Firmware } from './firmware.ts';

/** Where the page of doorbells is in the BAR. */
export const DOORBELL_OFFSET = 0x10_0000;

/** vDPA emulation capabilities, maximum and current ones alike. */
export function queryCapability({ shape }: Firmware, { input, output }: Command): void {
  demand(getField(input, 0, HEADER.op_mod) >> 1 === CAP_TYPE.VDPA_EMULATION, 'unknownCapability');
  const at = CONTEXT_AT.capability;
  demand(output.length >= at + VDPA_CAP_SIZE, 'outputTooShort');
  putField(output, at, VDPA_CAP.virtio_version_1_0, 1);
  putField(output, at, VDPA_CAP.device_features_bits_mask, shape.features);
  putField(output, at, VDPA_CAP.event_mode, shape.eventModes);
  putField(output, at, VDPA_CAP.virtio_queue_type, 1 << QUEUE_TYPE.SPLIT);
  putField(output, at, VDPA_CAP.log_doorbell_bar_size, 12);
  put64(output, at + DOORBELL_BAR_OFFSET_AT, DOORBELL_OFFSET);
  putField(output, at, VDPA_CAP.max_num_virtio_queues, shape.maxQueues);
  putField(output, at, VDPA_CAP.desc_group_mkey_supported, shape.descGroup ? 1 : 0);
  putField(output, at, VDPA_CAP.freeze_to_rdy_supported, shape.freezeToReady ? 1 : 0);
  for (const [i, value] of shape.umemParams.flat().entries())
    putField(output, at + UMEM_PARAMS_AT + 4 * i, DWORD, value);
}

export function queryVportState({ engine }: Firmware, { output }: Command): void {
  putField(output, 0, VPORT_STATE.state, engine.peer.linkUp ? 1 : 0);
}

export function queryNicVportContext({ shape }: Firmware, { output }: Command): void {
  const at = CONTEXT_AT.nicVport;
  demand(output.length >= at + NIC_VPORT_SIZE, 'outputTooShort');
  putField(output, at, NIC_VPORT.mtu, shape.portMtu);
  output.set(shape.mac, at + PERMANENT_ADDRESS_AT + 2);
}
