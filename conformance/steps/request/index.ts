export * from './done.ts';
export * from './exchange.ts';
export * from './request.ts';
export * from './settle.ts';
export * from './work.ts';
