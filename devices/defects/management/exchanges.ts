import type { GenlFamily, GenlOp } from '../../../framework/netlink/family.ts';
import { NLM_F, NLMSG } from '../../../framework/netlink/message.ts';
import { attributeId } from '../../../specs/vdpa/netlink.ts';
import type { Defect } from '../defect.ts';
import { isAnswer, onMessages, opOf, server, type Writable } from './server-defect.ts';

/** Wrong management servers: exchanges. */
export const EXCHANGES: readonly Defect[] = [
  server('other-sequence', ['M01'], 'answers with the sequence number of the next request', (instance) =>
    onMessages(instance, (bytes, view, type) => {
      if (isAnswer(type)) view.setUint32(8, view.getUint32(8, true) + 1, true);
      return bytes;
    }),
  ),
  server('port-zero', ['M01'], 'answers without the port id of the socket', (instance) =>
    onMessages(instance, (bytes, view, type) => {
      if (isAnswer(type)) view.setUint32(12, 0, true);
      return bytes;
    }),
  ),
  server('no-acknowledgement', ['M02'], 'leaves out the acknowledgement of a success', (instance) =>
    onMessages(instance, (bytes, view, type) =>
      type === NLMSG.ERROR && view.getInt32(16, true) === 0 ? null : bytes,
    ),
  ),
  server('dump-without-end', ['M03'], 'ends a dump without DONE', (instance) =>
    onMessages(instance, (bytes, _, type) => (type === NLMSG.DONE ? null : bytes)),
  ),
  server('dump-unmarked', ['M03'], 'does not mark the parts of a dump', (instance) =>
    onMessages(instance, (bytes, view, type) => {
      if (isAnswer(type)) view.setUint16(6, view.getUint16(6, true) & ~NLM_F.MULTI, true);
      return bytes;
    }),
  ),
  server('other-version', ['M04'], 'calls itself version 2', ({ system }) => {
    (system.family as Writable<GenlFamily>).version = 2;
  }),
  server('mtu-unchecked', ['M05'], 'accepts an MTU below 68', ({ system }) => {
    (system.family.policy as Map<number, unknown>).set(attributeId('dev-net-cfg-mtu'), { type: 'u16' });
  }),
  server('attributes-unchecked', ['M05'], 'takes attributes as they come', ({ system }) => {
    (system.family as Writable<GenlFamily>).liberal = true;
  }),
  server('anybody-adds', ['M06'], 'adds devices for everybody', (instance) => {
    opOf(instance, 'dev-new').admin = false;
  }),
  server('queries-need-rights', ['M06'], 'answers administrators only', (instance) => {
    opOf(instance, 'dev-config-get').admin = true;
  }),
  server('unknown-command', ['M07'], 'acknowledges a command that does not exist', ({ system }) => {
    (system.family.ops as GenlOp[]).push({ command: 9, do: () => null });
  }),
];
