/**
 * What `kill-at-random.ts` kills: a process whose worker runs cases without end against a device of its own:
 * `daemon` (qemu-storage-daemon) or `qemu`. Prints one line of JSON with the pid of the device and what marks it, and
 * one line for each device that died under it and was replaced. Ends its worker at the first line on standard input.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** Cases between two looks whether the device is still the same process. */
const LOOK = 20;

if (isMainThread) {
  // A worker does not inherit the loader.
  const start = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(import.meta.url)}); })`;
  const worker = new Worker(start, { eval: true, workerData: process.argv[2] ?? 'daemon' });
  worker.on('message', (message: object) => {
    console.log(JSON.stringify(message));
  });
  worker.on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
  process.stdin.once('data', async () => {
    await worker.terminate();
    process.exit(0);
  });
} else {
  const { deviceFacts } = await import('../conformance/runner/device-facts.ts');
  const { runInstance } = await import('../conformance/runner/run-instance.ts');
  const { resolveTarget } = await import('../conformance/runner/targets.ts');
  const { openCatalogue } = await import('../conformance/commands/catalogue.ts');
  const { instancesOf } = await import('../conformance/loader/expand.ts');
  const { GuestMemory } = await import('../framework/memory/guest-memory.ts');
  const { parentSource } = await import('../parents.ts');
  const { processesWith } = await import('./processes.ts');
  const guest = new GuestMemory(8 << 20);
  const { storageDaemon } = await import('../tests/daemon.ts');
  const daemon = workerData === 'qemu' ? null : storageDaemon();
  const mark = daemon?.folder ?? `mark-${process.pid}`;
  const spec = daemon ? `vhost-user:${daemon.socket},type=blk` : `qemu:virtio-blk-pci,serial=${mark}`;
  const target = await resolveTarget(spec, parentSource);
  const facts = deviceFacts(target.definition, target.options);
  const { cases } = openCatalogue(undefined);
  const instances = cases.flatMap((definition) => [...instancesOf(definition, facts.values)].slice(0, 3));
  let pid: number | undefined;
  for (let i = 0; ; i++) {
    if (daemon && daemon.child.status !== null) throw new Error('the daemon died');
    const { verdict } = runInstance(instances[i % instances.length], target, facts, guest);
    if (pid === undefined) {
      pid = daemon?.child.pid ?? processesWith(mark)[0];
      parentPort!.postMessage({ pid, mark });
    }
    // One that is killed between two cases is replaced without a word.
    if (verdict !== 'crash' && (daemon || i % LOOK !== 0)) continue;
    const [now] = processesWith(mark);
    if (now !== pid) parentPort!.postMessage({ replaced: now ?? 0 });
    pid = now;
  }
}
