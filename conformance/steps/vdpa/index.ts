export * from './address-spaces.ts';
export * from './life.ts';
export * from './limits.ts';
export * from './mappings.ts';
export * from './ops.ts';
export * from './queue-state.ts';
export * from './vq-callbacks.ts';
