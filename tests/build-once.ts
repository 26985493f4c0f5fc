import { buildAll } from '../tools/build.mjs';

/** Build the command before any test starts it, so that tests that run at a time do not build it against each other. */
export async function setup(): Promise<void> {
  await buildAll();
}
