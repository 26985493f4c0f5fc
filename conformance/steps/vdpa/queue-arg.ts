import { INT, oneOf } from '../step.ts';

/** A queue by index, or by what it is for. */
export const QUEUE_ARG = { anyOf: [INT, oneOf('rx', 'tx')] };
