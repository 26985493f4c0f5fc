import { NO_VECTOR } from '../../framework/transport/transport.ts';
import { type Defect, definePciDefect } from './defect.ts';
import { doubleNotifiedIndex } from './register-faults.ts';

/** Reverse of a sentence of section 4.1.4.5 or 4.1.5. */
const TEXT = 'the text turned round';
const NET = ['virtio-pci-net'] as const;

/** Functions with wrong interrupts or notifications. */
export const PCI_INTERRUPT_DEFECTS: readonly Defect[] = [
  definePciDefect({
    id: 'pci/isr-without-queue-bit',
    breaks: ['V1.1-4.1.4.5.1-D3'],
    what: 'Used buffers do not show in the ISR status.',
    origin: TEXT,
    seed(fn) {
      const { event } = fn;
      fn.event = (vector, bits) => event.call(fn, vector, bits & ~1);
    },
  }),
  definePciDefect({
    id: 'pci/isr-bit-after-the-interrupt',
    breaks: ['V1.1-4.1.4.5.1-D2', 'V1.1-4.1.4.5.1-D3'],
    what: 'INTx is asserted before the ISR status says why.',
    origin: TEXT,
    seed(fn) {
      const { event, intx } = fn;
      let early = false;
      fn.intx = () => early || intx.call(fn);
      fn.event = (vector, bits) => {
        early = !fn.msix.enabled;
        if (early) fn.updatePin();
        early = false;
        const handler = fn.onIntx;
        fn.onIntx = null;
        event.call(fn, vector, bits);
        fn.onIntx = handler;
      };
    },
  }),
  definePciDefect({
    id: 'pci/isr-config-as-queue',
    breaks: ['V1.1-4.1.4.5.1-D2'],
    what: 'A configuration change sets the bit of used buffers.',
    origin: TEXT,
    seed(fn) {
      const { event } = fn;
      fn.event = (vector, bits) => event.call(fn, vector, bits === 2 ? 1 : bits);
    },
  }),
  definePciDefect({
    id: 'pci/isr-keeps-its-bits',
    breaks: ['V1.1-4.1.4.5.1-D5'],
    what: 'Reading the ISR status leaves it as it is.',
    origin: TEXT,
    seed(fn) {
      fn.readIsr = () => fn.isr;
    },
  }),
  definePciDefect({
    id: 'pci/isr-read-clears-one-bit',
    breaks: ['V1.1-4.1.4.5.1-D5'],
    what: 'Reading the ISR status clears the bit of used buffers only.',
    origin: TEXT,
    seed(fn) {
      fn.readIsr = () => {
        const { isr } = fn;
        fn.isr &= ~1;
        fn.updatePin();
        return isr;
      };
    },
  }),
  definePciDefect({
    id: 'pci/intx-stays',
    breaks: ['P1.1-040p'],
    what: 'INTx stays asserted once it was.',
    origin: TEXT,
    seed(fn) {
      const { intx } = fn;
      let ever = false;
      fn.intx = () => {
        ever ||= intx.call(fn);
        return ever && !fn.msix.enabled;
      };
    },
  }),
  definePciDefect({
    id: 'pci/status-register-masked',
    breaks: ['V1.1-4.1.4.5.1-D4'],
    what: 'The interrupt bit of the PCI status register follows the pin, not the ISR status.',
    origin: TEXT,
    seed(fn) {
      const { readPciStatus } = fn;
      fn.readPciStatus = () => (fn.intx() ? readPciStatus.call(fn) : readPciStatus.call(fn) & ~8);
    },
  }),
  definePciDefect({
    id: 'pci/one-vector',
    breaks: ['V1.1-4.1.5.1.2.1-D1'],
    what: 'There is one MSI-X vector.',
    origin: TEXT,
    seed: (fn) => fn.space.put(fn.msixAt + 2, 2, fn.space.read(fn.msixAt + 2, 2) & ~0x7ff),
  }),
  definePciDefect({
    id: 'pci/last-entry-dead',
    breaks: ['V1.1-4.1.5.1.2.1-D2'],
    what: 'The last entry of the MSI-X table does not exist.',
    origin: 'a table size that counts from one',
    seed({ msix }) {
      const { writeTable } = msix;
      msix.writeTable = (offset, size, value) => {
        if (offset < msix.tableSize - 16) writeTable.call(msix, offset, size, value);
      };
    },
  }),
  definePciDefect({
    id: 'pci/last-vector-refused',
    breaks: ['V1.1-4.1.5.1.2.1-D4'],
    what: 'No event can be mapped to the last vector.',
    origin: TEXT,
    seed(fn) {
      fn.hasVector = (vector) => vector < fn.msix.count - 1;
    },
  }),
  definePciDefect({
    id: 'pci/config-on-vector-0',
    breaks: ['V1.1-4.1.5.1.2.1-D4'],
    what: 'Configuration changes always come on vector 0.',
    origin: TEXT,
    seed(fn) {
      fn.configEvent = () => fn.event(0, 2);
    },
  }),
  definePciDefect({
    id: 'pci/unmapping-ignored',
    breaks: ['V1.1-4.1.5.1.2.1-D5'],
    what: 'Writing NO_VECTOR leaves the old vector.',
    origin: TEXT,
    seed({ common }) {
      const register = common.named('msix_config');
      const { write } = register;
      register.write = (value) => {
        if (value !== NO_VECTOR) write(value);
      };
    },
  }),
  definePciDefect({
    id: 'pci/vector-reads-0',
    breaks: ['V1.1-4.1.5.1.2.1-D6'],
    what: 'msix_config reads 0 whatever was written.',
    origin: TEXT,
    seed({ common }) {
      common.named('msix_config').read = () => 0;
    },
  }),
  definePciDefect({
    id: 'pci/queue-vectors-shared',
    parents: NET,
    breaks: ['V1.1-4.1.5.1.2.1-D6'],
    what: 'All queues have the vector that was written last.',
    origin: TEXT,
    seed({ common, vectors }) {
      const register = common.named('queue_msix_vector');
      const { write } = register;
      register.write = (value) => {
        write(value);
        vectors.queues.fill(value);
      };
      vectors.queues[0] = 0;
    },
  }),
  definePciDefect({
    id: 'pci/vectors-kept-over-reset',
    breaks: ['V1.1-4.1.5.1.2.1-D7'],
    what: 'A reset leaves events mapped.',
    origin: TEXT,
    seed(fn) {
      fn.afterReset = () => {
        fn.isr = 0;
        fn.updatePin();
      };
    },
  }),
  definePciDefect({
    id: 'pci/some-mappings-fail',
    breaks: ['V1.1-4.1.5.1.2.1-D8'],
    what: 'Every third mapping fails without need.',
    origin: TEXT,
    seed(fn) {
      const { hasVector } = fn;
      let count = 0;
      fn.hasVector = (vector) => hasVector.call(fn, vector) && ++count % 3 !== 0;
    },
  }),
  definePciDefect({
    id: 'pci/impossible-vector-reads-back',
    breaks: ['V1.1-4.1.5.1.2.1-D9'],
    what: 'A vector that does not exist reads back as if it were mapped.',
    origin: TEXT,
    seed(fn) {
      fn.hasVector = () => true;
    },
  }),
  definePciDefect({
    id: 'pci/unmapped-queue-on-vector-0',
    breaks: ['V1.1-4.1.5.3.1-D1'],
    what: 'A queue without a vector interrupts on vector 0.',
    origin: TEXT,
    seed(fn) {
      fn.queueEvent = (idx) => fn.event(fn.vectors.queues[idx] % NO_VECTOR, 1);
    },
  }),
  definePciDefect({
    id: 'pci/unmapped-config-on-vector-0',
    breaks: ['V1.1-4.1.5.4.1-D1'],
    what: 'Configuration changes without a vector interrupt on vector 0.',
    origin: TEXT,
    seed(fn) {
      fn.configEvent = () => fn.event(fn.vectors.config % NO_VECTOR, 2);
    },
  }),
  definePciDefect({
    id: 'pci/intx-beside-msix',
    breaks: ['P1.1-042p'],
    what: 'INTx is asserted although MSI-X is enabled.',
    origin: TEXT,
    seed(fn) {
      fn.intx = () => fn.isr !== 0;
    },
  }),
  definePciDefect({
    id: 'pci/masked-entry-loses-event',
    breaks: ['P1.1-046p'],
    what: 'An event of a masked MSI-X entry is dropped.',
    origin: TEXT,
    seed({ msix }) {
      const { signal } = msix;
      msix.signal = (vector) => {
        if (vector >= msix.count || !msix.masked(vector)) signal.call(msix, vector);
      };
    },
  }),
  definePciDefect({
    id: 'pci/notified-index-times-2',
    parents: NET,
    breaks: ['P1.1-043p'],
    what: 'The index that is written counts pairs.',
    origin: TEXT,
    seed: doubleNotifiedIndex,
  }),
  definePciDefect({
    id: 'pci/notification-data-upside-down',
    breaks: ['P1.1-044p'],
    what: 'The queue is taken from the upper half of the notification data.',
    origin: TEXT,
    seed({ core }) {
      const { sim } = core;
      sim.kickVqWithData = (data) => sim.kickVq(data >>> 16);
    },
  }),
];
