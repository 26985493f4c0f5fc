import { runFuzzWorker } from './fuzz/worker-main.ts';
import { parentSource } from './parents.ts';

await runFuzzWorker(parentSource);
