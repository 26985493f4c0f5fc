export * from './config-access.ts';
export * from './doorbell.ts';
export * from './function.ts';
export * from './interrupts.ts';
export * from './msix-entry.ts';
export * from './vectors.ts';
export * from './windows.ts';
