/** A part of the instances of one target: those whose index is `shard` modulo `shards`. */
export interface Share {
  readonly target: number;
  readonly shard: number;
  readonly shards: number;
}

/** Shares that a target is cut into where workers go on to another one: the last ones end at about the same time. */
const PARTS = 3;

/** What decides how targets are cut. */
export interface ShareOptions {
  /** Number of targets. */
  targets: number;
  /** Workers in all. */
  jobs: number;
  /** Indices of targets that get one worker only. */
  exclusive?: ReadonlySet<number>;
  /** Indices of targets whose workers may go on with another one of these. */
  trusted?: ReadonlySet<number>;
}

/** The shares that are still to run. A worker that has run some of a target goes on with it as long as it can. */
export class ShareQueue {
  readonly #waiting: Share[];
  readonly #begun = new Set<number>();

  constructor({ targets, jobs, exclusive, trusted }: ShareOptions) {
    const even = Math.max(1, Math.floor(jobs / targets));
    this.#waiting = Array.from({ length: targets }, (_, target) => {
      const fine = trusted?.has(target) && jobs > 1 && targets > 1;
      const shards = exclusive?.has(target) ? 1 : fine ? Math.max(even, PARTS) : even;
      return Array.from({ length: shards }, (_unused, shard): Share => ({ target, shard, shards }));
    }).flat();
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** The share to run next, after one of `target`: of the same target, else of one that nobody has begun, else any. */
  take(target: number | null): Share | undefined {
    const same = this.#waiting.findIndex((share) => share.target === target);
    const fresh = this.#waiting.findIndex((share) => !this.#begun.has(share.target));
    const at = same >= 0 ? same : Math.max(fresh, 0);
    const [share] = this.#waiting.splice(at, 1);
    if (share !== undefined) this.#begun.add(share.target);
    return share;
  }
}
