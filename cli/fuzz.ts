import { BENCHES, benchCommand } from '../fuzz/commands/bench.ts';
import { corpusCommand, fuzzMergeCommand } from '../fuzz/commands/corpus.ts';
import { fuzzCommand } from '../fuzz/commands/fuzz.ts';
import { migrateCommand } from '../fuzz/commands/migrate.ts';
import { proveCommand } from '../fuzz/commands/prove.ts';
import { FOCUSES } from '../fuzz/strategy.ts';
import { collect, commas, positive, whole } from './arguments.ts';
import type { CommandLine } from './command-line.ts';

/** Random sequences: campaigns, their corpora and findings, and what they are proved and measured with. */
export function addFuzz({ command, context, setCode }: CommandLine): void {
  command('fuzz', 'Draw step sequences at random, judge them by the reference model, shrink what it finds', [
    'fuzz --target simulator-blk --time 60s',
    'fuzz --target ./my-parent.ts --runs 100000 --seed 7 --corpus corpus --focus rings,status',
    'fuzz --target simulator-net --runs 1000000 --shard 2/8 --out out/shard-2',
    'fuzz --target simulator-net --small --time 60s',
    'fuzz --target qemu:virtio-blk-pci --burst --jobs 1 --time 10m',
  ])
    .option('-t, --target <target>', 'parent and options (default: simulator-blk)')
    .option('--time <duration>', 'how long: 90s, 5m, 2h (default 60s unless --runs is given)')
    .option('--runs <n>', 'number of sequences', positive)
    .option('--seed <n>', 'seed of the campaign (default 1)', whole)
    .option('-j, --jobs <n>', 'workers (default: one a core)', positive)
    .option('--corpus <dir>', 'folder of sequences to start from and to add to')
    .option('--focus <names>', `concentrate on: ${FOCUSES.join(',')}`, commas)
    .option('--shard <i/n>', 'this is part i of n of the campaign')
    .option('-o, --out <dir>', 'folder for findings (default: out/fuzz); findings there are known already')
    .option(
      '--timeout <ms>',
      'time that one sequence may take before it is a hang (default 5000; 120000 outside the process)',
      positive,
    )
    .option(
      '--shrink <seconds>',
      'time that shrinking one finding of a device outside the process may take (default 30)',
      positive,
    )
    .option('--ignore <requirements>', 'findings about these do not count: known already', commas)
    .option('--code-coverage', 'let fresh code of an in-process parent guide as well (slower)')
    .option('--no-guidance', 'draw every sequence afresh')
    .option(
      '--small',
      'sequences of a few steps on one queue: over 10000 a second in process, all of them judged',
    )
    .option('--burst', 'small cases sent ahead, thousands a second; only what looks odd is run step by step')
    .option('--json', 'print events as JSON lines')
    .action(async (options) => setCode(await fuzzCommand(options, context)));

  command('migrate', 'Random live migrations under traffic between targets, judged by the reference model', [
    'migrate --runs 100000',
    "migrate --pairs 'simulator-blk>ifcvf-blk' 'ifcvf-blk>vduse-blk' --seed 7",
  ])
    .option(
      '--pairs <pairs...>',
      'ordered pairs FROM>TO (default: all built-in targets of the same device type that can migrate)',
    )
    .option('--runs <n>', 'migrations in all (default 10000)', positive)
    .option('--seed <n>', 'seed of the campaign (default 1)', whole)
    .option('-o, --out <dir>', 'folder for findings (default: out/migrate); findings there are known already')
    .option('--no-shrink', 'keep counterexamples as they were found')
    .option('--json', 'print events as JSON lines')
    .action(async (options) => setCode(await migrateCommand(options, context)));

  command(
    'prove',
    'Run cases and fuzzer against devices that are wrong on purpose: what finds them, and how soon',
    [
      'prove --no-fuzz',
      'prove --select "packed/*" --seeds 1 --limit 2000',
      'prove --resume out/prove.json --again',
    ],
  )
    .option('-s, --select <query>', 'defects, by id with *; ! excludes; repeatable', collect)
    .option('--no-fuzz', 'cases only')
    .option('--no-cases', 'fuzzer only')
    .option('--resume <file>', 'what this file of an earlier run says is not run again; kept up to date')
    .option('--again', 'with --resume: try again what earlier campaigns missed')
    .option('--seeds <n>', 'campaigns per defect (default 5)', whole)
    .option('--limit <n>', 'sequences that a campaign may take (default 20000)', whole)
    .option('-j, --jobs <n>', 'workers (default: one a core)', positive)
    .option(
      '--timeout <ms>',
      'time that one run on a wrong device may take before it is a hang (default 20000)',
      positive,
    )
    .option('-o, --out <file>', 'where to keep all of it (default: out/prove.json)')
    .option('--json', 'print JSON lines')
    .action(async (options) => setCode(await proveCommand(options, context)));

  command('bench', 'Measure the suite itself and print one JSON document', [
    'bench',
    'bench --only rings --seconds 20',
  ])
    .option('--only <names>', `measure only: ${BENCHES.join(',')}`, commas)
    .option('--seconds <n>', 'time for each measurement that can be long or short (default 10)', whole)
    .action(async (options) => setCode(await benchCommand(options, context)));

  command('fuzz-merge', 'Put the findings of several campaigns or shards together', [
    'fuzz-merge out/shard-1 out/shard-2 --out out/all',
  ])
    .argument('<folders...>')
    .option('-o, --out <dir>', 'folder to write to')
    .action((folders, options) => setCode(fuzzMergeCommand(folders, options, context)));

  command('corpus', 'Merge corpora and keep the sequences that together cover what all of them cover', [
    'corpus corpus-1 corpus-2 --target simulator-blk --out corpus',
  ])
    .argument('<folders...>')
    .option('-t, --target <target>', 'target to measure the coverage on (default: simulator-blk)')
    .option('-o, --out <dir>', 'folder to write to')
    .action(async (folders, options) => setCode(await corpusCommand(folders, options, context)));
}
