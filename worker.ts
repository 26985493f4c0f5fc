import { runWorker } from './conformance/runner/worker-main.ts';
import { parentSource } from './parents.ts';

await runWorker(parentSource);
