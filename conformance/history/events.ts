/** The events of a history are the vocabulary of the reference model, which judges them. */
export type * from '../../specs/model/events.ts';
