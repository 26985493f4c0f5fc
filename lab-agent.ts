import { runAgent } from './conformance/lab/agent.ts';
import { parentSource } from './parents.ts';

await runAgent(process.argv[2], parentSource);
