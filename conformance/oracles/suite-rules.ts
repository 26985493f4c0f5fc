/** Rules of the suite itself: what no device may do under any reading. Cited where no single statement fits. */
export const SUITE_RULES = {
  'INV-WRITE-SCOPE':
    'The device stores only into device-writable parts of buffers it holds and into the parts of the rings it owns.',
  'INV-MAPPING': 'The device reaches guest memory only through mappings that permit the access.',
  'INV-CONTRACT': 'Ops of the vDPA contract return values of their type.',
  'INV-ALIVE': 'The device neither crashes nor hangs, whatever the driver does.',
  'INV-PACKETS':
    'A network device forwards and delivers whole packets, and nothing that was in none of them, whatever the driver does.',
} as const;

export type SuiteRule = keyof typeof SUITE_RULES;
