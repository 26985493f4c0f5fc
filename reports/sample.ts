import { requirements } from '../specs/requirements.ts';
import {
  type CaseResult,
  RESULTS_VERSION,
  type ResultCase,
  type ResultFinding,
  type ResultRequirement,
  type Results,
  type ResultTarget,
  type ResultVerdict,
  VERDICT_ORDER,
  worstVerdict,
} from './results.ts';
import { SAMPLE_CASES, type SampleCase, type SampleProblem } from './sample-problems.ts';
import { coverage, scopesInRange } from './view/coverage.ts';

/** Results that no device gave: for tests and for looking at reports. */
export interface SampleOptions {
  /** Instances of each ordinary case; 1 gives about 200 cases and 700 instances. */
  repeat?: number;
  complete?: boolean;
  /** Leave out every problem, so that the run passes. */
  clean?: boolean;
}

const TARGETS: readonly ResultTarget[] = [
  {
    name: 'simulator-net',
    type: 'net',
    description: 'Simulated network device, in process',
    options: {},
    features: [
      'CSUM',
      'GUEST_CSUM',
      'MAC',
      'MRG_RXBUF',
      'STATUS',
      'CTRL_VQ',
      'MQ',
      'INDIRECT_DESC',
      'EVENT_IDX',
      'VERSION_1',
      'RING_PACKED',
      'IN_ORDER',
    ],
    abilities: ['pump', 'track', 'rtrack', 'perm-map', 'vq-state'],
  },
  {
    name: 'simulator-blk:size=64M',
    type: 'blk',
    description: 'Simulated block device, in process',
    options: { size: '64M' },
    features: [
      'SEG_MAX',
      'BLK_SIZE',
      'FLUSH',
      'DISCARD',
      'WRITE_ZEROES',
      'INDIRECT_DESC',
      'EVENT_IDX',
      'VERSION_1',
      'RING_PACKED',
    ],
    abilities: ['pump', 'track', 'rtrack', 'perm-map', 'fault'],
  },
  {
    name: './acme/nic.ts:firmware=4.2.1',
    type: 'net',
    description: 'ACME NIC 100G, virtual function 3',
    options: { firmware: '4.2.1' },
    features: [
      'CSUM',
      'MAC',
      'MRG_RXBUF',
      'STATUS',
      'CTRL_VQ',
      'INDIRECT_DESC',
      'EVENT_IDX',
      'VERSION_1',
      'RING_PACKED',
    ],
    abilities: ['track', 'fault'],
  },
];

/** A number in [0, 1) that depends on the text only. */
function chance(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

const slug = (text: string) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 32);

/** One ordinary case for each decidable requirement that no case of `SAMPLE_CASES` cites; a few stay without. */
function ordinaryCases(repeat: number): SampleCase[] {
  const range = scopesInRange(TARGETS);
  const cited = new Set(SAMPLE_CASES.flatMap((one) => one.requirements));
  return [...requirements().values()]
    .filter(
      ({ id, decided, scope }) =>
        decided.by === 'cases' && range.has(scope) && !cited.has(id) && chance(id) < 0.93,
    )
    .map((requirement, i) => ({
      id: `${slug(requirement.title)}/${slug(requirement.id)}`,
      title: requirement.summary.split(/[,;:]/)[0],
      class: chance(`${requirement.id} class`) < 0.12 ? 'resilience' : 'conformance',
      requirements: [requirement.id],
      why: 'a driver that relies on it loses data or stalls',
      file: `conformance/catalogue/${requirement.section}.yaml`,
      line: 3 + 9 * (i % 12),
      params: (requirement.scope === 'packed'
        ? ['packed']
        : requirement.scope === 'split'
          ? ['split']
          : ['split', 'packed']
      ).flatMap((ring) =>
        Array.from({ length: repeat }, (_, n) => `ring=${ring}${n > 0 ? `;round=${n}` : ''}`),
      ),
      ...(requirement.scope === 'net' || requirement.scope === 'blk' ? { device: requirement.scope } : {}),
      problems: [],
    }));
}

const SKIPS = [
  'VIRTIO_NET_F_GUEST_TSO4 is not offered',
  'VIRTIO_F_IN_ORDER is not offered',
  'the parent lacks the ability slow',
  'the parent offers no packet peer',
];

function skipOf(one: SampleCase, target: number): string | undefined {
  const { type } = TARGETS[target];
  if (one.device && one.device !== type) return `for ${one.device} devices`;
  const luck = chance(`${one.id} ${target}`);
  return luck < 0.1 ? SKIPS[Math.floor(luck * 40)] : undefined;
}

function instance(one: SampleCase, params: string, target: number, clean: boolean): CaseResult {
  const id = `${one.id}:${params}`;
  const ms = Math.round(chance(`${id} ${target}`) * 900) / 1000;
  const base = { case: one.id, id, target, findings: [], timing: { ms } };
  const problem = clean
    ? undefined
    : one.problems.find((other) => other.target === target && params.includes(other.where));
  if (problem) return problemResult(base, problem);
  const reason = one.problems.length > 0 && one.device === undefined ? undefined : skipOf(one, target);
  return reason ? { ...base, verdict: 'skip', reason } : { ...base, verdict: 'pass' };
}

function problemResult(base: Omit<CaseResult, 'verdict'>, problem: SampleProblem): CaseResult {
  const { verdict, reason, detail } = problem;
  const findings = (problem.findings ?? []).map(
    (finding): ResultFinding => ({
      oracle: 'run',
      requirement: '',
      step: 0,
      expected: '',
      actual: '',
      kind: 'broken',
      ...finding,
    }),
  );
  const replay = `npx vdpa-cts run --target '${TARGETS[problem.target].name}' --select '${base.id}' --seed 1`;
  return {
    ...base,
    verdict,
    ...(reason ? { reason } : {}),
    findings,
    ...(verdict === 'skip' ? {} : { detail: { steps: [], transcript: [], replay, ...detail } }),
    timing: { ms: verdict === 'hang' ? 5000 : base.timing.ms },
  };
}

/** A realistic run: two good simulators and a network card with a problem of every kind. */
export function sampleResults({ repeat = 1, complete = true, clean = false }: SampleOptions = {}): Results {
  const cases = [...SAMPLE_CASES, ...ordinaryCases(repeat)];
  const results = TARGETS.flatMap((_, target) =>
    cases.flatMap((one) => one.params.map((params) => instance(one, params, target, clean))),
  );
  const verdicts = Object.fromEntries(VERDICT_ORDER.map((verdict) => [verdict, 0])) as Record<
    ResultVerdict,
    number
  >;
  for (const { verdict } of results) verdicts[verdict]++;
  const rows = requirementRows(cases, results);
  const { all } = coverage({ requirements: rows, targets: [...TARGETS] });
  return {
    version: RESULTS_VERSION,
    suite: { name: 'vdpa-cts', version: '0.1.0', catalogue: '3f9a1c77d2e04b58' },
    complete,
    seed: 1,
    selection: [],
    targets: [...TARGETS],
    cases: cases.map(({ params: _, device: _device, problems: _problems, ...rest }): ResultCase => rest),
    requirements: rows,
    rules: [
      { id: 'INV-ALIVE', summary: 'The device neither crashes nor hangs, whatever the driver does.' },
      {
        id: 'INV-WRITE-SCOPE',
        summary:
          'The device stores only into device-writable parts of buffers it holds and into the parts of the rings it owns.',
      },
    ],
    results,
    summary: {
      verdicts,
      decided: all.decided,
      decidable: all.decidable,
      cases: cases.length,
      instances: results.length,
    },
    timing: { started: '2026-11-22T09:30:00.000Z', ms: 1840 },
  };
}

/** What an instance says about one requirement: a finding about another one is not held against it. */
function share({ verdict, findings }: CaseResult, requirement: string): ResultVerdict {
  if (verdict !== 'fail' && verdict !== 'warn') return verdict;
  return findings.some((finding) => finding.requirement === requirement) ? verdict : 'pass';
}

const isIdle = (verdict: ResultVerdict) => verdict === 'skip' || verdict === 'blocked';

function requirementRows(cases: readonly SampleCase[], results: readonly CaseResult[]): ResultRequirement[] {
  const byCase = new Map<string, CaseResult[]>();
  for (const result of results) byCase.set(result.case, [...(byCase.get(result.case) ?? []), result]);
  return [...requirements().values()].map((requirement) => {
    const citing = cases.filter((one) => one.requirements.includes(requirement.id)).map(({ id }) => id);
    const verdicts = TARGETS.map((_, target) => {
      const own = citing.flatMap((id) => byCase.get(id) ?? []).filter((result) => result.target === target);
      const shares = own.map((result) => share(result, requirement.id));
      const telling = shares.filter((verdict) => !isIdle(verdict));
      return shares.length === 0 ? 'none' : (telling.length > 0 ? telling : shares).reduce(worstVerdict);
    });
    const proofs = citing.length === 0 ? 0 : Math.floor(chance(`${requirement.id} proofs`) * 4);
    return { ...requirement, cases: citing, verdicts, proofs };
  });
}
