export const CLASSES = { rx: 0, mac: 1, vlan: 2, announce: 3, mq: 4, offloads: 5 } as const;

export type ClassName = keyof typeof CLASSES;
