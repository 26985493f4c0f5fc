import { BusError, type VdpaBusDriver } from '../bus.ts';
import { VdpaCore } from '../core.ts';
import { ERRNO, type VdpaDevice } from '../device.ts';
import { OpenFile } from './open-file.ts';
import type { UserProcess } from './process.ts';
import { type KernelRelease, RELEASES, type ReleaseName } from './release.ts';

/** `/dev/vhost-vdpa-N`: one process at a time may have it open. */
export class VhostVdpaNode {
  readonly minor: number;
  readonly core: VdpaCore;
  readonly release: KernelRelease;
  #file: OpenFile | null = null;
  #removed: (() => void) | null = null;

  constructor(device: VdpaDevice, minor: number, release: ReleaseName = '6.12') {
    this.core = new VdpaCore(device);
    this.minor = minor;
    this.release = RELEASES[release];
  }

  /** Path of the node. */
  get path(): string {
    return `/dev/vhost-vdpa-${this.minor}`;
  }

  /** The open file, if there is one. */
  get file(): OpenFile | null {
    return this.#file;
  }

  /**
   * open(2): the device is reset.
   *
   * @returns the open file; -EBUSY when the node is open already; -ENOENT when it was removed; the errno of the
   * reset; -ENOTSUPP for a parent without map ops, because there is no IOMMU that would translate for it
   */
  open(process: UserProcess): OpenFile | number {
    if (this.#removed !== null) return -ERRNO.ENOENT;
    if (this.#file !== null) return -ERRNO.EBUSY;
    const { ops } = this.core;
    const error = this.core.reset();
    if (error < 0) return error;
    if (ops.setMap === undefined && ops.dmaMap === undefined) return -ERRNO.ENOTSUPP;
    this.#file = new OpenFile(this.core, this.release, process, () => this.#closed());
    return this.#file;
  }

  /** Take the node away: nobody opens it any more, and `gone` is called once nobody has it open. */
  remove(gone: () => void): 'later' | undefined {
    this.#removed = gone;
    if (this.#file !== null) return 'later';
    gone();
    return undefined;
  }

  #closed(): void {
    this.#file = null;
    this.#removed?.();
  }
}

/** The vhost-vdpa bus driver: hands devices to processes, each through a node of its own. */
export class VhostVdpaDriver implements VdpaBusDriver<VhostVdpaNode> {
  readonly name = 'vhost-vdpa';
  readonly #release: ReleaseName;
  readonly #nodes: (VhostVdpaNode | undefined)[] = [];

  constructor(release: ReleaseName = '6.12') {
    this.#release = release;
  }

  /** Nodes by minor number; one that waits for its last close is still among them. */
  get nodes(): readonly VhostVdpaNode[] {
    return this.#nodes.filter((node) => node !== undefined);
  }

  /** Make a node with the lowest free minor. @throws BusError EOPNOTSUPP for groups or spaces without map ops */
  probe(device: VdpaDevice): VhostVdpaNode {
    const { ops, ngroups, nas, name } = device;
    if (ops.setMap === undefined && ops.dmaMap === undefined && (ngroups > 1 || nas > 1))
      throw new BusError('EOPNOTSUPP', `${name} has several groups or address spaces and no map ops`);
    let minor = 0;
    while (this.#nodes[minor] !== undefined) minor++;
    const node = new VhostVdpaNode(device, minor, this.#release);
    this.#nodes[minor] = node;
    return node;
  }

  remove(_device: VdpaDevice, node: VhostVdpaNode, done: () => void): 'later' | undefined {
    let late = false;
    const answer = node.remove(() => {
      this.#nodes[node.minor] = undefined;
      if (late) done();
    });
    late = answer === 'later';
    return answer;
  }
}
