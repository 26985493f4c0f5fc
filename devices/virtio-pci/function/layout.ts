/** Where structures are in their BAR: from these offsets on. */
export const AT = { common: 0, isr: 0x1000, device: 0x2000, notify: 0x4000 } as const;

/** The BAR in port space that a function may have a second set of notification addresses in. */
export const IO_BAR = 2;

/** Kinds of structures (section 4.1.4). */
export const TYPE = { common: 1, notify: 2, isr: 3, device: 4, window: 5 } as const;

/** The size of a memory BAR that holds `bytes`: a power of two, at least a page. */
export const pageUp = (bytes: number) => Math.max(0x1000, 2 ** Math.ceil(Math.log2(bytes)));
