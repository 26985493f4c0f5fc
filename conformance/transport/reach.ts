import type { AccessSize, MmioAccess, PciAccess } from '../../framework/transport/access.ts';
import type { MmioTransport, PciTransport } from '../../framework/transport/transport.ts';
import type { Session } from '../session/session.ts';
import {
  type FunctionView,
  member,
  STRUCTURES,
  type StructureName,
  type VirtioCap,
  viewFunction,
} from './function-view.ts';
import { barSpace, configSpace, mmioSpace, type Space } from './recorded-access.ts';

/** How a structure is reached: through its BAR, the window in configuration space, or its n-th capability. */
export type Via = 'bar' | 'window' | number;

/** A structure that a capability points to. */
export interface Reached extends Space {
  readonly length: number;
  readonly multiplier: number;
}

/** The PCI function below the parent; ends the steps where there is none. */
export function pciOf(session: Session): { transport: PciTransport; access: PciAccess; config: Space } {
  const { transport } = session.instance;
  if (transport?.kind !== 'pci') return session.lacks('the parent shows no PCI function');
  return { transport, access: transport.access, config: configSpace(transport.access, session.recorder) };
}

/** The virtio-mmio device below the parent; ends the steps where there is none. */
export function mmioOf(session: Session): { transport: MmioTransport; access: MmioAccess; page: Space } {
  const { transport } = session.instance;
  if (transport?.kind !== 'mmio') return session.lacks('the parent shows no virtio-mmio device');
  return { transport, access: transport.access, page: mmioSpace(transport.access, session.recorder) };
}

/** What configuration space tells, looked at once a session: later looks could hit a window onto the ISR status. */
export function functionOf(session: Session): FunctionView {
  return session.state('pci-function', () => viewFunction(pciOf(session).config));
}

/** Capabilities of a kind that a driver can use: in a BAR that exists, and long enough to have a place. */
export function capsOf(session: Session, name: StructureName): VirtioCap[] {
  return functionOf(session).caps.filter(
    ({ type, bar, len }) => type === STRUCTURES[name] && bar <= 5 && len >= 16,
  );
}

/** The structure, by the way that is asked for. Ends the steps where there is none. */
export function structure(session: Session, name: StructureName, via: Via = 'bar'): Reached {
  const { access, config } = pciOf(session);
  const cap =
    capsOf(session, name)[typeof via === 'number' ? via : 0] ?? session.stop(`no ${name} structure ${via}`);
  const { length, multiplier = 0 } = cap;
  if (via === 'window') return { ...windowSpace(session, config, cap), length, multiplier };
  const bar = barSpace(access, cap.bar, session.recorder);
  return {
    length,
    multiplier,
    read: (at, size) => bar.read(cap.offset + at, size),
    write: (at, size, value) => bar.write(cap.offset + at, size, value),
  };
}

/** A structure seen through the configuration window (section 4.1.4.7). */
function windowSpace(session: Session, config: Space, cap: VirtioCap): Space {
  const window = functionOf(session).caps.find(({ type }) => type === STRUCTURES.window);
  if (window === undefined) return session.stop('no configuration window');
  const aim = (at: number, size: AccessSize) => {
    config.write(window.at + member('pci-cap', 'bar')!.offset, 1, cap.bar);
    config.write(window.at + member('pci-cap', 'offset')!.offset, 4, cap.offset + at);
    config.write(window.at + member('pci-cap', 'length')!.offset, 4, size);
  };
  const data = window.at + member('pci-cap', 'pci_cfg_data')!.offset;
  return {
    read(at, size) {
      aim(at, size);
      return config.read(data, size);
    },
    write(at, size, value) {
      aim(at, size);
      config.write(data, size, value);
    },
  };
}

/** Where the registers of a device are, and where in them one is. */
export interface RegisterPlace {
  readonly space: Space;
  readonly at: number;
  readonly size: AccessSize;
}

/** A register by the name that the specification gives it, on PCI or MMIO; half of it where it has 64 bits. */
export function registerPlace(
  session: Session,
  name: string,
  part: 'low' | 'high' | undefined,
  via: Via | undefined,
): RegisterPlace {
  const pci = session.instance.transport?.kind === 'pci';
  const row = member(pci ? 'pci-common-cfg' : 'mmio', name);
  if (row === undefined) throw new RangeError(`no register ${name} on ${pci ? 'PCI' : 'MMIO'}`);
  const space = pci ? structure(session, 'common', via) : mmioOf(session).page;
  const width = row.width === 8 ? 4 : row.width;
  return { space, at: row.offset + (part === 'high' ? 4 : 0), size: width as AccessSize };
}

/** Select a queue for the registers that speak about one. */
export function selectQueue(session: Session, idx: number, via?: Via): void {
  const name = session.instance.transport?.kind === 'pci' ? 'queue_select' : 'QueueSel';
  const { space, at, size } = registerPlace(session, name, undefined, via);
  space.write(at, size, idx);
}

/** Looks at something again while it is not as wanted, for devices that have time of their own. */
const LOOKS = 400;

/** Looks at once: a device may show something late, a reset above all, by the count of readings (4.1.4.3.1). */
const LOOKS_AT_ONCE = 8;

/** Let the device work and time pass until `look` is satisfied; one without time of its own works once. */
export function until(session: Session, look: () => boolean): void {
  const { transport } = session.instance;
  for (let n = 0; n < LOOKS_AT_ONCE; n++) if (look()) return;
  for (let n = 0; n < LOOKS; n++) {
    session.quiet();
    if (transport?.kind === 'pci') transport.access.interrupts.poll();
    else transport?.access.poll();
    if (look() || transport?.access.pause === undefined) return;
    transport.access.pause();
  }
}
