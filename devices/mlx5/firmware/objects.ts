import { CommandRefused, demand } from './failure.ts';

/** An object of the firmware: its owner, and how many others need it. */
export class FirmwareObject {
  readonly id: number;
  /** User context that made it. */
  readonly uid: number;
  /** Objects that need this one; while there are any it cannot be destroyed. */
  users = 0;
  #needs: readonly FirmwareObject[] = [];

  constructor(id: number, uid: number) {
    this.id = id;
    this.uid = uid;
  }

  /** Need exactly these from now on. */
  need(objects: readonly FirmwareObject[]): void {
    for (const object of objects) object.users++;
    for (const object of this.#needs) object.users--;
    this.#needs = objects;
  }
}

/** All objects of one kind, by number. */
export class ObjectTable<T extends FirmwareObject> {
  readonly #objects = new Map<number, T>();
  readonly #limit: number;
  #next: number;

  constructor(first = 1, limit = 0x10_0000) {
    this.#next = first;
    this.#limit = limit;
  }

  get size(): number {
    return this.#objects.size;
  }

  values(): Iterable<T> {
    return this.#objects.values();
  }

  /** Add what `make` makes of the next number. */
  add(make: (id: number) => T): T {
    demand(this.#objects.size < this.#limit, 'limit');
    const object = make(this.#next++);
    this.#objects.set(object.id, object);
    return object;
  }

  /** The object `id` of user `uid`. */
  get(id: number, uid: number): T {
    const object = this.#objects.get(id);
    if (object === undefined) throw new CommandRefused('noSuchObject');
    demand(object.uid === uid, 'notYourObject');
    return object;
  }

  /** (data path) The object `id`, whoever made it. */
  find(id: number): T | undefined {
    return this.#objects.get(id);
  }

  /** Remove an object that nobody needs. */
  remove(id: number, uid: number): T {
    const object = this.get(id, uid);
    demand(object.users === 0, 'objectInUse');
    object.need([]);
    this.#objects.delete(id);
    return object;
  }
}
