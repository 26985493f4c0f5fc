import { runProveWorker } from './fuzz/prove/worker-main.ts';
import { parentSource } from './parents.ts';

runProveWorker(parentSource);
