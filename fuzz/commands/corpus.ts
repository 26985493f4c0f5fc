import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandContext, EXIT, UsageError } from '../../conformance/commands/context.ts';
import { resolveTarget } from '../../conformance/runner/targets.ts';
import { benchOf } from '../bench-target.ts';
import { CorpusFolder, minimise } from '../corpus.ts';
import { Findings } from '../findings.ts';

const folderOf = (path: string): CorpusFolder => {
  if (!existsSync(path))
    throw new UsageError(`${path} does not exist`, 'name a folder that `vdpa-cts fuzz --corpus` wrote');
  return new CorpusFolder(path);
};

/** `vdpa-cts corpus FOLDER…`: merge corpora, keep the sequences that together cover what all of them cover. */
export async function corpusCommand(
  folders: readonly string[],
  options: { target?: string; out?: string },
  context: CommandContext,
): Promise<number> {
  if (options.out === undefined) throw new UsageError('no folder to write to', 'add --out FOLDER');
  const warn = (problem: string) => context.err.write(`warning: ${problem}\n`);
  const all = folders.flatMap((path) => folderOf(path).load(warn));
  if (all.length === 0)
    throw new UsageError(
      'the folders hold no sequences',
      'they are JSON files with eight hex digits as name',
    );
  const bench = benchOf(await resolveTarget(options.target ?? 'simulator-blk', context.parents));
  const kept = minimise(all, bench);
  new CorpusFolder(options.out).save(kept);
  context.out.write(`${kept.length} of ${all.length} sequences kept in ${options.out}\n`);
  return EXIT.CLEAN;
}

/** `vdpa-cts fuzz-merge FOLDER…`: put the findings of several campaigns or shards together, bucket by bucket. */
export function fuzzMergeCommand(
  folders: readonly string[],
  options: { out?: string },
  context: CommandContext,
): number {
  if (options.out === undefined) throw new UsageError('no folder to write to', 'add --out FOLDER');
  const warn = (problem: string) => context.err.write(`warning: ${problem}\n`);
  const merged = new Findings(options.out, warn);
  for (const folder of folders) {
    if (!existsSync(join(folder, 'findings.json')))
      throw new UsageError(
        `${folder} holds no findings.json`,
        'name folders that `vdpa-cts fuzz --out` wrote',
      );
    merged.merge(new Findings(folder, warn));
  }
  merged.save();
  for (const { requirement, actual, hits, steps } of merged.bugs.values())
    context.out.write(`${requirement}  ${hits} hits, ${steps} steps: ${actual}\n`);
  context.out.write(`${merged.bugs.size} findings in ${join(options.out, 'findings.json')}\n`);
  return merged.bugs.size === 0 ? EXIT.CLEAN : EXIT.FINDINGS;
}
