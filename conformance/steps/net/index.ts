export * from './control.ts';
export * from './control-storm.ts';
export * from './filter.ts';
export * from './flows.ts';
export * from './offloaded.ts';
export * from './peer.ts';
export * from './receive.ts';
export * from './transmit.ts';
