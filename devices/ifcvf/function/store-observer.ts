import type { DmaView } from '../../../framework/memory/iotlb.ts';

/** Told of `length` bytes stored at `iova`, once they are in memory. */
export type StoreObserver = (iova: number, length: number) => void;

/** Have `view` tell of every store that goes through it. */
export function observeStores(view: DmaView, stored: StoreObserver): void {
  const { store, put8, put16, put32, put32x2 } = view;
  view.store = (iova, from, at = 0, length = from.length - at) => {
    store.call(view, iova, from, at, length);
    if (length > 0) stored(iova, length);
  };
  view.put8 = (iova, value) => {
    put8.call(view, iova, value);
    stored(iova, 1);
  };
  view.put16 = (iova, value) => {
    put16.call(view, iova, value);
    stored(iova, 2);
  };
  view.put32 = (iova, value) => {
    put32.call(view, iova, value);
    stored(iova, 4);
  };
  view.put32x2 = (iova, low, high) => {
    put32x2.call(view, iova, low, high);
    stored(iova, 8);
  };
}
