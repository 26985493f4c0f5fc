import { expect, it } from 'vitest';
import { type ShareOptions, ShareQueue } from './shares.ts';

/** What lanes take that come round in turn, as target.shard/shards. */
function taken(options: ShareOptions): string[][] {
  const queue = new ShareQueue(options);
  const lanes = Array.from({ length: options.jobs }, () => [] as string[]);
  const last: (number | null)[] = lanes.map(() => null);
  while (queue.length > 0) {
    lanes.forEach((lane, i) => {
      const share = queue.take(last[i]);
      if (share === undefined) return;
      last[i] = share.target;
      lane.push(`${share.target}.${share.shard}/${share.shards}`);
    });
  }
  return lanes;
}

it('a target that is not trusted is cut only where workers would have nothing to do', () => {
  expect(taken({ targets: 3, jobs: 2 })).toEqual([['0.0/1', '2.0/1'], ['1.0/1']]);
  expect(taken({ targets: 1, jobs: 2 })).toEqual([['0.0/2'], ['0.1/2']]);
  expect(taken({ targets: 2, jobs: 1, trusted: new Set([0, 1]) })).toEqual([['0.0/1', '1.0/1']]);
  expect(taken({ targets: 1, jobs: 2, exclusive: new Set([0]) })).toEqual([['0.0/1'], []]);
});

it('workers stay with their target, then take what is left of others', () => {
  expect(taken({ targets: 2, jobs: 2, trusted: new Set([0, 1]) })).toEqual([
    ['0.0/3', '0.1/3', '0.2/3'],
    ['1.0/3', '1.1/3', '1.2/3'],
  ]);
  expect(taken({ targets: 3, jobs: 2, trusted: new Set([0, 2]) })).toEqual([
    ['0.0/3', '0.1/3', '0.2/3', '2.2/3'],
    ['1.0/1', '2.0/3', '2.1/3'],
  ]);
});

it('there is nothing to take from an empty queue', () => {
  const queue = new ShareQueue({ targets: 1, jobs: 1 });
  expect(queue.take(null)).toEqual({ target: 0, shard: 0, shards: 1 });
  expect(queue.take(0)).toBeUndefined();
});
