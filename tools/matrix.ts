/** Bring the table of `devices/README.md` up to date: `npx tsx tools/matrix.ts`. Not part of the product. */
import { endIdleDaemons } from '../devices/vduse/kernel/daemon-thread.ts';
import { storeMatrix } from '../tests/matrix-table.ts';

storeMatrix();
endIdleDaemons();
