export const CRASH = { seenBy: 'run', fuzz: 'yes' } as const;
