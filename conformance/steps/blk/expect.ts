import { BOOL, list, obj, oneOf, TEXT } from '../step.ts';
import { CONTENT, type Content } from './content.ts';

export const STATUS_NAMES = ['OK', 'IOERR', 'UNSUPP'] as const;

export type StatusName = (typeof STATUS_NAMES)[number];

type StatusArg = StatusName | StatusName[] | 'any' | 'open' | 'model';

/** Expected data: what the session knows to be there, nothing in particular, or the same as an earlier read. */
export type DataArg = 'known' | 'any' | 'zeroes' | (Content & { same?: string });

export interface Expect {
  status?: StatusArg;
  data?: DataArg;
  'may-be-missing'?: boolean;
}

const STATUS = { anyOf: [oneOf('any', 'open', 'model', ...STATUS_NAMES), list(oneOf(...STATUS_NAMES), 1)] };

export const DATA = { anyOf: [oneOf('known', 'any', 'zeroes'), obj({ ...CONTENT, same: TEXT })] };

export const EXPECT = {
  ...obj({ status: STATUS, data: DATA, 'may-be-missing': BOOL }),
  description:
    'status: one or several of OK, IOERR, UNSUPP, any of these, open: not looked at, or model: what the reference model allows with the features in force (default OK). data of a read: known (default: what this case ' +
    'wrote there), any, zeroes, {fill}, {pattern}, {same: name of a saved read}. may-be-missing: silence is accepted.',
};
