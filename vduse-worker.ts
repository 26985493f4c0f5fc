import { runDaemon } from './devices/vduse/daemon/main.ts';

runDaemon();
