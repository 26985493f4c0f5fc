export * from './padding.ts';
export * from './request.ts';
export * from './stretch.ts';
