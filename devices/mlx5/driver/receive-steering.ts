import { CONTEXT_AT, HEADER, LENGTH, LIST_AT } from '../prm/commands.ts';
import { putField } from '../prm/fields.ts';
import {
  CRITERIA_OUTER_HEADERS,
  DESTINATION_TIR,
  DISP_TYPE,
  FLOW_ACTION_FORWARD,
  FLOW_ENTRY,
  FLOW_ENTRY_SIZE,
  FLOW_GROUP,
  FLOW_GROUP_SIZE,
  FLOW_TABLE,
  HASH_FIELDS,
  HASH_FN,
  L2_ENTRY,
  L2_ENTRY_SIZE,
  L2_MAC_AT,
  MATCH_AT,
  OUTER,
  RQT_VIRTIO_NET_Q,
  RQTC,
  TIRC,
  TOEPLITZ_KEY_AT,
  TOEPLITZ_KEY_SIZE,
} from '../prm/steering.ts';
import type { Resources } from './resources.ts';

const TABLE_LOG_SIZE = 15;
/** Flow indices of unicast rules, then of multicast rules: one for untagged frames, one for each VLAN. */
const GROUP_SIZE = 0x4000;
const UNTAGGED = 4096;
/** The table entry of the switch alternates, so that a new address is in before the old one goes. */
const L2_SLOTS = 2;

/** Addresses and VLANs that frames are taken for. */
export interface ReceiveRules {
  readonly mac: Uint8Array;
  /** VLAN ids let in; null: tags do not count. */
  readonly vlans: ReadonlySet<number> | null;
}

interface SteeringObjects {
  readonly table: number;
  readonly interface: number;
  readonly flowTable: number;
  readonly groups: readonly [unicast: number, multicast: number];
  /** Places of rules in both groups, with the address that the unicast rule compares. */
  readonly rules: Map<number, string>;
}

/**
 * How frames find their receive queue: rules of a flow table let them in by address and VLAN, a receive interface
 * hashes them, and a receive queue table has the queues.
 */
export class ReceiveSteering {
  readonly #resources: Resources;
  readonly #rules: () => ReceiveRules;
  #objects: SteeringObjects | null = null;
  #switched: { slot: number; mac: Uint8Array } | null = null;

  constructor(resources: Resources, rules: () => ReceiveRules) {
    this.#resources = resources;
    this.#rules = rules;
  }

  /** Spread frames over `queues`, numbers of queue objects; with none, nothing is taken in. */
  spread(queues: readonly number[]): void {
    if (queues.length === 0) this.remove();
    else if (this.#objects === null) this.#build(queues);
    else
      this.#resources.commands.run('MODIFY_RQT', LIST_AT.rqt + 4 * this.#tableSize(queues), (input) => {
        putField(input, 0, HEADER.number, this.#objects!.table);
        this.#fillTable(input, queues);
      });
  }

  #tableSize(queues: readonly number[]): number {
    return 2 ** Math.ceil(Math.log2(queues.length));
  }

  /** A power of two of entries, filled in turn. */
  #fillTable(input: Uint8Array, queues: readonly number[]): void {
    const size = this.#tableSize(queues);
    putField(input, CONTEXT_AT.rqt, RQTC.rqt_actual_size, size);
    for (let i = 0; i < size; i++)
      putField(input, LIST_AT.rqt + i * 4, [0, 23, 0], queues[i % queues.length]);
  }

  #build(queues: readonly number[]): void {
    const { commands, maxQueues, transportDomain } = this.#resources;
    const table = commands.create('CREATE_RQT', LIST_AT.rqt + 4 * this.#tableSize(queues), (input) => {
      putField(input, CONTEXT_AT.rqt, RQTC.list_q_type, RQT_VIRTIO_NET_Q);
      putField(input, CONTEXT_AT.rqt, RQTC.rqt_max_size, 2 ** Math.ceil(Math.log2(maxQueues / 2)));
      this.#fillTable(input, queues);
    });
    const at = CONTEXT_AT.tir;
    const tir = commands.create('CREATE_TIR', LENGTH.tir, (input) => {
      putField(input, at, TIRC.disp_type, DISP_TYPE.INDIRECT);
      putField(input, at, TIRC.rx_hash_symmetric, 1);
      putField(input, at, TIRC.indirect_table, table);
      putField(input, at, TIRC.rx_hash_fn, HASH_FN.TOEPLITZ);
      putField(input, at, TIRC.transport_domain, transportDomain);
      putField(
        input,
        at,
        TIRC.selected_fields,
        HASH_FIELDS.SRC_IP | HASH_FIELDS.DST_IP | HASH_FIELDS.L4_SPORT | HASH_FIELDS.L4_DPORT,
      );
      input.set(HASH_KEY, at + TOEPLITZ_KEY_AT);
    });
    const flowTable = commands.create('CREATE_FLOW_TABLE', LENGTH.flowTable, (input) =>
      putField(input, 0, FLOW_TABLE.log_size, TABLE_LOG_SIZE),
    );
    const groups = [0, 1].map((i) => this.#createGroup(flowTable, i)) as [number, number];
    this.#objects = { table, interface: tir, flowTable, groups, rules: new Map() };
    this.refresh();
  }

  /** Unicast rules compare the whole address, multicast rules its group bit. */
  #createGroup(flowTable: number, group: number): number {
    return this.#resources.commands.create('CREATE_FLOW_GROUP', FLOW_GROUP_SIZE, (input) => {
      putField(input, 0, FLOW_GROUP.table_id, flowTable);
      putField(input, 0, FLOW_GROUP.start_flow_index, group * GROUP_SIZE);
      putField(input, 0, FLOW_GROUP.end_flow_index, group * GROUP_SIZE + GROUP_SIZE - 1);
      putField(input, 0, FLOW_GROUP.match_criteria_enable, CRITERIA_OUTER_HEADERS);
      putMac(input, MATCH_AT.group, group === 0 ? ALL_BITS : GROUP_BIT);
      if (this.#rules().vlans === null) return;
      putField(input, MATCH_AT.group, OUTER.cvlan_tag, 1);
      putField(input, MATCH_AT.group, OUTER.first_vid, 0xfff);
    });
  }

  /** Make the rules of the flow table what they should be now. */
  refresh(): void {
    if (this.#objects === null) return;
    const { rules } = this.#objects;
    const { vlans, mac } = this.#rules();
    const wanted = new Set([UNTAGGED, ...(vlans ?? [])]);
    for (const place of [...rules.keys()]) {
      if (wanted.has(place)) continue;
      for (const group of [0, 1]) this.#deleteRule(group * GROUP_SIZE + place);
      rules.delete(place);
    }
    const address = mac.join();
    for (const place of wanted) {
      const old = rules.get(place);
      if (old === address) continue;
      this.#setRule(0, place, mac);
      if (old === undefined) this.#setRule(1, place, GROUP_BIT);
      rules.set(place, address);
    }
  }

  #setRule(group: number, place: number, mac: Uint8Array): void {
    const { flowTable, groups, interface: tir } = this.#objects!;
    this.#resources.commands.run('SET_FLOW_TABLE_ENTRY', FLOW_ENTRY_SIZE, (input) => {
      putField(input, 0, FLOW_ENTRY.table_id, flowTable);
      putField(input, 0, FLOW_ENTRY.flow_index, group * GROUP_SIZE + place);
      putField(input, 0, FLOW_ENTRY.group_id, groups[group]);
      putField(input, 0, FLOW_ENTRY.action, FLOW_ACTION_FORWARD);
      putField(input, 0, FLOW_ENTRY.destination_list_size, 1);
      putField(input, 0, FLOW_ENTRY.destination_type, DESTINATION_TIR);
      putField(input, 0, FLOW_ENTRY.destination_id, tir);
      putMac(input, MATCH_AT.entry, mac);
      if (place === UNTAGGED) return;
      putField(input, MATCH_AT.entry, OUTER.cvlan_tag, 1);
      putField(input, MATCH_AT.entry, OUTER.first_vid, place);
    });
  }

  #deleteRule(index: number): void {
    this.#resources.commands.run('DELETE_FLOW_TABLE_ENTRY', LENGTH.flowTable, (input) => {
      putField(input, 0, FLOW_ENTRY.table_id, this.#objects!.flowTable);
      putField(input, 0, FLOW_ENTRY.flow_index, index);
    });
  }

  /** Take nothing in any more. */
  remove(): void {
    const objects = this.#objects;
    if (objects === null) return;
    const { commands } = this.#resources;
    for (const place of objects.rules.keys())
      for (const group of [0, 1]) this.#deleteRule(group * GROUP_SIZE + place);
    this.#objects = null;
    for (const group of objects.groups)
      commands.run('DESTROY_FLOW_GROUP', LENGTH.flowTable, (input) => {
        putField(input, 0, FLOW_GROUP.table_id, objects.flowTable);
        putField(input, 0, FLOW_GROUP.group_id, group);
      });
    commands.run('DESTROY_FLOW_TABLE', LENGTH.flowTable, (input) =>
      putField(input, 0, FLOW_GROUP.table_id, objects.flowTable),
    );
    commands.destroy('DESTROY_TIR', objects.interface);
    commands.destroy('DESTROY_RQT', objects.table);
  }

  // ── the switch in front ───────────────────────────────────────────────────────────────────────
  /** Have the switch send frames for `mac` here, and no longer those for the address before; null: none. */
  announce(mac: Uint8Array | null): void {
    const old = this.#switched;
    this.#switched = null;
    if (mac !== null) {
      const slot = old === null ? 0 : (old.slot + 1) % L2_SLOTS;
      this.#resources.commands.run('SET_L2_TABLE_ENTRY', L2_ENTRY_SIZE, (input) => {
        putField(input, 0, L2_ENTRY.table_index, slot);
        input.set(mac, L2_MAC_AT);
      });
      this.#switched = { slot, mac: mac.slice() };
    }
    if (old !== null)
      this.#resources.commands.run('DELETE_L2_TABLE_ENTRY', L2_ENTRY_SIZE, (input) =>
        putField(input, 0, L2_ENTRY.table_index, old.slot),
      );
  }
}

const ALL_BITS = new Uint8Array(6).fill(0xff);
const GROUP_BIT = Uint8Array.of(1, 0, 0, 0, 0, 0);

/** A fixed key in which no stretch repeats. */
const HASH_KEY = Uint8Array.from(
  { length: TOEPLITZ_KEY_SIZE },
  (_, i) => (i * 0x9e + 0x37 + (i >> 2) * 0x79) & 0xff,
);

function putMac(input: Uint8Array, at: number, mac: Uint8Array): void {
  putField(input, at, OUTER.dmac_47_16, ((mac[0] << 24) | (mac[1] << 16) | (mac[2] << 8) | mac[3]) >>> 0);
  putField(input, at, OUTER.dmac_15_0, (mac[4] << 8) | mac[5]);
}
