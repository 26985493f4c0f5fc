import type { HistoryEvent } from '../conformance/history/events.ts';
import type { History } from '../conformance/history/history.ts';
import type { Target } from '../conformance/runner/run-instance.ts';
import { benchOf } from './bench-target.ts';
import { BurstCampaign } from './burst/burst-campaign.ts';
import { Campaign, type CampaignOptions } from './campaign.ts';
import { SESSIONS, type Source } from './sequence.ts';

/** Sequences of one campaign between two looks at the clock. */
const SLICE = 50;

/** What fuzzing one target costs. */
export interface FuzzRate {
  target: string;
  /** Average steps of a sequence. */
  averageSteps: number;
  /** Sequences per second on one core: model and guidance on, without judging, without guidance. */
  perSecond: number;
  withoutJudging: number;
  withoutGuidance: number;
  stepsPerSecond: number;
  /** One step is several ops of the driver: calls of the contract, buffers added, published and taken back. */
  averageOps: number;
  opsPerSecond: number;
  /** Events that the model judged: ops, and what the device stored, asked for and signalled. */
  eventsPerSecond: number;
  /** Sequences that each of the three ran while measured. */
  sequences: number;
  findings: number;
}

/** What one parent costs beside the simulator of the same type, in sequences a second on one core. */
export interface ParentFuzzRate {
  perSecond: number;
  simulator: number;
  /** How many times the simulator's time it takes. */
  ratio: number;
  findings: number;
}

/** Fuzz `target` and `simulator` by turns in this thread for `seconds` in all, a quarter of it to warm up. */
export function measureBeside(target: Target, simulator: Target, seconds: number): ParentFuzzRate {
  const lanes = [target, simulator].map(
    (one): Lane => ({ campaign: new Campaign(benchOf(one), { seed: 1 }), milliseconds: 0 }),
  );
  const begun = performance.now();
  let findings = takeTurns(lanes, begun + seconds * 250);
  const before = lanes.map(({ campaign }) => campaign.count);
  for (const one of lanes) one.milliseconds = 0;
  findings += takeTurns(lanes, begun + seconds * 1000);
  const [own, other] = lanes.map(
    ({ campaign, milliseconds }, i) => (campaign.count - before[i]) / (milliseconds / 1000),
  );
  return {
    perSecond: Math.round(own),
    simulator: Math.round(other),
    ratio: Math.round((other / own) * 100) / 100,
    findings,
  };
}

/** Let each lane run a slice, again and again until the clock says `until`, at least once. Returns the findings. */
function takeTurns(lanes: readonly Lane[], until: number): number {
  let findings = 0;
  do {
    for (const one of lanes) {
      const begun = performance.now();
      for (let i = 0; i < SLICE; i++) if (one.campaign.next() !== null) findings++;
      one.campaign.takeFresh();
      one.milliseconds += performance.now() - begun;
    }
  } while (performance.now() < until);
  return findings;
}

/** A campaign and the time it took. */
interface Lane {
  campaign: Campaign;
  milliseconds: number;
}

/** What bursts and sequences cost on a device outside the suite, with one worker. */
export interface BurstRate {
  target: string;
  /** Shots a second: reset, bring-up, buffers, kick, all looked at. */
  casesPerSecond: number;
  cases: number;
  /** Shots that were run step by step. */
  examined: number;
  sequencesPerSecond: number;
  averageSteps: number;
  findings: number;
}

/** Bursts against `target` for two thirds of `seconds`, a third of them to warm up, then sequences. */
export function measureBursts(target: Target, seconds: number): BurstRate {
  const bench = benchOf(target);
  try {
    const bursts = new BurstCampaign(bench, { seed: 1 });
    const warm = forSeconds(bursts, (seconds * 2) / 9);
    const { milliseconds, findings } = forSeconds(bursts, (seconds * 4) / 9);
    const cases = bursts.count - warm.count;
    bursts.dispose();
    const sequences = new Campaign(bench, { seed: 1 });
    const after = forSeconds(sequences, seconds / 3);
    return {
      target: target.name,
      casesPerSecond: Math.round((cases / milliseconds) * 1000),
      cases,
      examined: bursts.examined,
      sequencesPerSecond: Math.round((after.count / after.milliseconds) * 10_000) / 10,
      averageSteps: Math.round((sequences.steps / sequences.count) * 10) / 10,
      findings: findings + after.findings,
    };
  } finally {
    bench.renew?.();
  }
}

function forSeconds(campaign: Campaign | BurstCampaign, seconds: number) {
  const begun = performance.now();
  let findings = 0;
  do if (campaign.next() !== null) findings++;
  while (performance.now() < begun + seconds * 1000);
  return { milliseconds: performance.now() - begun, findings, count: campaign.count };
}

/** Run three campaigns against `target` by turns in this thread for `seconds` in all, warm-up included. */
export function measureFuzz(target: Target, seconds: number, source: Source = SESSIONS): FuzzRate {
  const lane = (options: Partial<CampaignOptions>): Lane => ({
    campaign: new Campaign(benchOf(target), { seed: 1, source, ...options }),
    milliseconds: 0,
  });
  const lanes = [lane({}), lane({ judge: false }), lane({ guidance: false })];
  const begun = performance.now();
  takeTurns(lanes, begun + seconds * 250);
  const before = lanes.map(({ campaign: { count, steps } }) => ({ count, steps }));
  for (const one of lanes) one.milliseconds = 0;
  const findings = takeTurns(lanes, begun + seconds * 1000);
  const [full, unjudged, unguided] = lanes.map(
    (one, i) => (one.campaign.count - before[i].count) / (one.milliseconds / 1000),
  );
  const sequences = lanes[0].campaign.count - before[0].count;
  const { ops, events } = contentsOf(target, source);
  const averageSteps = (lanes[0].campaign.steps - before[0].steps) / sequences;
  return {
    target: target.name,
    averageSteps: Math.round(averageSteps * 10) / 10,
    perSecond: Math.round(full),
    withoutJudging: Math.round(unjudged),
    withoutGuidance: Math.round(unguided),
    stepsPerSecond: Math.round(full * averageSteps),
    averageOps: Math.round(ops * 10) / 10,
    opsPerSecond: Math.round(full * ops),
    eventsPerSecond: Math.round(full * events),
    sequences,
    findings,
  };
}

/** Sequences whose histories are counted. */
const COUNTED = 1000;
const OPS: ReadonlySet<string> = new Set<HistoryEvent['k']>(['op', 'add', 'publish', 'used']);

/** What a sequence of a campaign against `target` has in it, on average. */
function contentsOf(target: Target, source: Source) {
  let ops = 0;
  let events = 0;
  const onHistory = (history: History) => {
    events += history.events.length;
    for (const { k } of history.events) if (OPS.has(k)) ops++;
  };
  const campaign = new Campaign(benchOf(target), { seed: 1, source, judge: false, onHistory });
  while (campaign.count < COUNTED) campaign.next();
  return { ops: ops / COUNTED, events: events / COUNTED };
}
