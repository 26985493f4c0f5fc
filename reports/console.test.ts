import { describe, expect, test } from 'vitest';
import { failureBlock, summaryLines } from './console.ts';
import { sampleResults } from './sample.ts';

const sample = sampleResults();
const named = (id: string) => sample.results.find((result) => result.id === id && result.target === 2)!;

describe('the block of a failure', () => {
  test('prints case and requirement, demand, expected against actual, and the replay', () => {
    const block = failureBlock(
      named('split-used/length-at-most-written:ring=split;size=8;dir=in'),
      sample,
      false,
    );
    expect(block).toMatchInlineSnapshot(`
      "FAIL split-used/length-at-most-written:ring=split;size=8;dir=in on ./acme/nic.ts:firmware=4.2.1
        V1.1-2.6.8.2-D2 MUST, 2.6.8.2 Device Requirements: The Virtqueue Used Ring
        Before advancing the used idx, the device must have filled at least as many bytes as the used entry's len claims, counted from the start of the chain's first device-writable buffer.
        step 4    peer: { send: [1514, 64] }
        expected  used length of buffer 1 at most what was stored
        actual    length 1526, but 76 bytes stored from its first writable byte on
        P1.1-016 text-hard, 2.6.8 The Virtqueue Used Ring
        A split used entry holds the head index of an outstanding chain with the upper 16 bits zero, and the count of bytes the device wrote; too small a count only warns.
        step 6    done: { as: b, length: 76 }  # P1.1-016
        expected  used length of b1: 76
                  or 12, when the device reports an error
        actual    1526
        replay    npx vdpa-cts run --target './acme/nic.ts:firmware=4.2.1' --select 'split-used/length-at-most-written:ring=split;size=8;dir=in' --seed 1
      "
    `);
  });

  test('of a hang without a history names what the case demands', () => {
    const block = failureBlock(named('net-control/reset-while-busy:ring=split;busy=64'), sample, false);
    expect(block).toMatch(/^HANG .*\n {2}reason {4}no end within 5000 ms\n {2}V1\.1-2\.1\.2-D1 MUST/);
    expect(block).toContain('replay');
  });

  test('is coloured only on request', () => {
    const result = named('packed/used-wrap:ring=packed;size=12;n=2');
    expect(failureBlock(result, sample, true)).toContain('\x1b[');
    expect(failureBlock(result, sample, false)).not.toContain('\x1b[');
  });

  test('shows control characters of a device instead of sending them to the terminal', () => {
    const result = structuredClone(named('packed/used-wrap:ring=packed;size=12;n=2'));
    result.findings[0].actual = '\x1b]0;owned\x07';
    expect(failureBlock(result, sample, false)).toContain('\\x1b]0;owned\\x07');
  });
});

test('the summary tells verdict, targets and coverage', () => {
  expect(summaryLines(sample, false)).toMatchObject([
    expect.stringMatching(
      /^FAIL 1 crash, 3 hang, 5 fail, 1 xpass, 1 blocked of [\d,]+ instances on 3 targets/,
    ),
    expect.stringMatching(/^ {2}simulator-net +\d+ pass, \d+ skip$/),
    expect.stringMatching(/^ {2}simulator-blk:size=64M +\d+ pass, \d+ skip$/),
    expect.stringMatching(/^ {2}\.\/acme\/nic\.ts:firmware=4\.2\.1 {2}1 crash, 3 hang/),
    expect.stringMatching(
      /^ {2}\d+ of \d+ decidable requirements decided \(\d+ %\), \d+ proved by seeded defects$/,
    ),
  ]);
});
