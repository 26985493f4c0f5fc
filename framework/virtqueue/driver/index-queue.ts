/**
 * First-in first-out queue over the indices 0..n-1 (n at most 32768), each in it at most once: free lists,
 * and the order of outstanding buffers. Adding, taking the first and appending a run are O(1); looking for
 * an index in the middle walks the queue. Nothing is allocated after construction.
 */
export class IndexQueue {
  /** What follows each index, see {@link after}, at `index << scale`. */
  readonly next: Uint16Array | Int32Array;
  readonly scale: number;
  /** First and last index; meaningless while the queue is empty. */
  first = 0;
  last = 0;
  size = 0;

  /** The caller may give the links a place among its own notes. */
  constructor(n: number, next: Uint16Array | Int32Array = new Uint16Array(n), scale = 0) {
    this.next = next;
    this.scale = scale;
  }

  /** What followed `index` when it was last in a queue; holds on after it was taken, until it is added again. */
  after(index: number): number {
    return this.next[index << this.scale];
  }

  /** Add an index that is not in the queue. */
  push(index: number): void {
    this.append(index, index, 1);
  }

  /** Add the run of `count` indices from `first` to `last`, linked as {@link after} tells. */
  append(first: number, last: number, count: number): void {
    if (this.size === 0) this.first = first;
    else this.next[this.last << this.scale] = first;
    this.last = last;
    this.size += count;
  }

  /** Take the first `count` indices of a queue that holds at least as many; `first` is the next one then. */
  drop(count: number, first: number): void {
    this.first = first;
    this.size -= count;
  }

  /** Take the first index of a queue that is not empty. */
  shift(): number {
    const index = this.first;
    this.first = this.next[index << this.scale];
    this.size--;
    return index;
  }

  /** Take an index from anywhere; false when it is not in the queue. */
  remove(index: number): boolean {
    let before = -1;
    let at = this.first;
    for (let left = this.size; left > 0; left--) {
      if (at === index) {
        if (before < 0) this.first = this.next[index << this.scale];
        else this.next[before << this.scale] = this.next[index << this.scale];
        if (index === this.last) this.last = before;
        this.size--;
        return true;
      }
      before = at;
      at = this.next[at << this.scale];
    }
    return false;
  }

  has(index: number): boolean {
    let at = this.first;
    for (let left = this.size; left > 0; left--) {
      if (at === index) return true;
      at = this.next[at << this.scale];
    }
    return false;
  }

  /** Make `next` follow `index` for a later {@link append}; both are outside the queue. */
  link(index: number, next: number): void {
    this.next[index << this.scale] = next;
  }
}
