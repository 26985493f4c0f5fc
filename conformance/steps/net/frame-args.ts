import { HDR_FIELDS } from '../../kits/net-header.ts';
import { BOOL, INT, list, obj, oneOf, TEXT } from '../step.ts';

const FRAME_KEYS = obj({
  ...Object.fromEntries(
    [
      't4',
      't6',
      'u4',
      'u6',
      'r4',
      'r6',
      'ru',
      'ru6',
      'eth',
      'reth',
      'vlan',
      'marker',
      'count',
      'flow',
      'seq',
      'options',
      'gso',
    ].map((key) => [key, INT]),
  ),
  ...Object.fromEntries(['arp', 'cwr', 'ece', 'ce', 'partial', 'ecn'].map((key) => [key, BOOL])),
  vxlan: { type: 'object' },
  raw: TEXT,
  is: TEXT,
  to: TEXT,
  from: TEXT,
  sum: oneOf('full', 'pseudo', 'bad', 'zero', 'ones'),
  'ip-sum': oneOf('good', 'bad'),
  ports: list(INT),
  end: TEXT,
  patch: obj({ at: INT, hex: TEXT }, ['at', 'hex']),
});

const ONE_FRAME = { anyOf: [TEXT, FRAME_KEYS] };

/** A frame, its name, or several; see FrameSpec. */
export const FRAMES = {
  description: 'Frames: {t4: 100} and the like, named ones (P1 … P7, P4e, X, X2, M, B, F, ARP), or a list.',
  anyOf: [TEXT, FRAME_KEYS, list(ONE_FRAME)],
};

/** A list, or an expression that gives one. */
export const orText = (schema: object) => ({ anyOf: [schema, TEXT] });

const NUMBERS = Object.fromEntries(HDR_FIELDS.map((name) => [name, INT]));

export const HDR = {
  description: 'H0, Hcsum4 …, hex bytes, or fields over a named header.',
  anyOf: [TEXT, obj({ is: TEXT, ...NUMBERS })],
};
