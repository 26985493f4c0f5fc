/**
 * What `kill-at-random.ts` kills: a process whose worker starts qemu-storage-daemon and runs cases against it
 * without end. Prints the pid of the daemon and its folder; ends its worker at the first line on standard input.
 */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

if (isMainThread) {
  // A worker does not inherit the loader.
  const start = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(import.meta.url)}); })`;
  const worker = new Worker(start, { eval: true });
  worker.on('message', (message: { pid: number; folder: string }) => {
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
  const { storageDaemon } = await import('../tests/daemon.ts');
  const daemon = storageDaemon();
  const target = await resolveTarget(`vhost-user:${daemon.socket},type=blk`, parentSource);
  const facts = deviceFacts(target.definition, target.options);
  const { cases } = openCatalogue(undefined);
  const guest = new GuestMemory(8 << 20);
  parentPort!.postMessage({ pid: daemon.child.pid, folder: daemon.folder });
  for (;;) {
    for (const definition of cases) {
      for (const instance of instancesOf(definition, facts.values)) {
        if (daemon.child.status !== null) throw new Error('the daemon died');
        runInstance(instance, target, facts, guest);
      }
    }
  }
}
