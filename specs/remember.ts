/**
 * A store of values by key for what comes again and again: `make` is called for a key that is not there. With
 * `most` values it is emptied before the next one, so that it never outgrows them.
 */
export function remembering<K, V>(most: number): (key: K, make: (key: K) => V) => V {
  const known = new Map<K, V>();
  return (key, make) => {
    let value = known.get(key);
    if (value === undefined) {
      if (known.size >= most) known.clear();
      value = make(key);
      known.set(key, value);
    }
    return value;
  };
}
