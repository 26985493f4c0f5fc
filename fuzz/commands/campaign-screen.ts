import { join } from 'node:path';
import type { CommandContext } from '../../conformance/commands/context.ts';
import type { Bug } from '../findings.ts';
import { foundText } from './found-text.ts';
import type { CampaignPlan } from './fuzz-options.ts';
import type { Tally } from './tally.ts';

const findingsOf = (count: number) => `${count} finding${count === 1 ? '' : 's'}`;

/** What a campaign tells while it runs: text with a line that is drawn over, or events as JSON lines. */
export class CampaignScreen {
  readonly #plan: CampaignPlan;
  readonly #context: CommandContext;
  readonly #tally: Tally;
  readonly #begun = performance.now();
  readonly #drawsOver: boolean;

  constructor(plan: CampaignPlan, context: CommandContext, tally: Tally) {
    this.#plan = plan;
    this.#context = context;
    this.#tally = tally;
    this.#drawsOver = !plan.json && context.err.isTTY === true;
  }

  /** `found` bugs so far; `rssMb` is what the process takes. */
  progress(found: number, rssMb: number): void {
    const { burst } = this.#plan;
    const { states } = this.#tally;
    const [sequences, steps, examined] = this.#totals();
    const seconds = this.#seconds();
    const seen = burst ? `${examined} examined` : `${states} states`;
    const rate = Math.round(sequences / seconds);
    this.#draw(`${sequences} ${this.#unit} · ${rate}/s · ${seen} · ${findingsOf(found)} · ${rssMb} MB`);
    const detail = burst ? { examined } : { states };
    this.#say({ type: 'progress', sequences, steps, ...detail, findings: found, seconds, rssMb });
  }

  /** A finding, shrunk. */
  found(bug: Bug): void {
    this.clear();
    this.#say({ type: 'finding', ...bug });
    if (!this.#plan.json) this.#context.out.write(foundText(bug));
  }

  /** A worker died or hung in sequence `at` of the campaign with `seed`. */
  lost(bug: Bug, why: string, seed: number, at: number): void {
    this.clear();
    const { target, burst, small } = this.#plan;
    const mode = burst ? ' --burst' : small ? ' --small' : '';
    const again = bug.files.history
      ? `npx vdpa-cts replay ${bug.files.history}`
      : `vdpa-cts fuzz --target ${target}${mode} --seed ${seed} --runs ${at} --jobs 1`;
    if (bug.hits === 1 && !this.#plan.json)
      this.#context.out.write(`HANG or CRASH: ${why}\n  replay  ${again}\n`);
    this.#say({ type: 'lost', why, seed, at });
  }

  /** How it ended. */
  summary(found: number): void {
    const { burst, out, json } = this.#plan;
    const [sequences, steps, examined] = this.#totals();
    const exact = this.#seconds();
    const seconds = Math.round(exact * 10) / 10;
    const detail = burst ? { examined } : {};
    this.#say({ type: 'summary', sequences, steps, ...detail, seconds, findings: found, out });
    if (json) return;
    const what = burst ? `${examined} of them run step by step,` : `${steps} steps`;
    const rate = Math.round(sequences / exact);
    const outcome = found === 0 ? 'nothing found' : `${findingsOf(found)}, see ${join(out, 'findings.json')}`;
    this.#context.out.write(`${sequences} ${this.#unit}, ${what} in ${seconds} s (${rate}/s): ${outcome}\n`);
  }

  /** Take the progress off the screen. */
  clear(): void {
    this.#draw('');
  }

  get #unit(): string {
    return this.#plan.burst ? 'cases' : 'sequences';
  }

  #totals(): [number, number, number] {
    return [this.#tally.total('count'), this.#tally.total('steps'), this.#tally.total('examined')];
  }

  #seconds(): number {
    return (performance.now() - this.#begun) / 1000;
  }

  #draw(text: string): void {
    if (this.#drawsOver) this.#context.err.write(`\r\x1b[K${text}`);
  }

  #say(event: object): void {
    if (this.#plan.json) this.#context.out.write(`${JSON.stringify(event)}\n`);
  }
}
