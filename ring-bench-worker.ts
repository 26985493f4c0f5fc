import { parentPort, workerData } from 'node:worker_threads';
import { measureRings, type RingBenchTask } from './framework/virtqueue/bench.ts';

const { seconds, kinds }: RingBenchTask = workerData;
parentPort!.postMessage(measureRings(seconds, kinds));
