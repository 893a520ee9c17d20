import { describe, expect, it } from 'vitest';
import { applyLengthPolicy } from './length-policy.ts';

const pairs = [
  { source: [1, 2], target: [3] },
  { source: [1, 2, 3, 4], target: [5, 6, 7] },
  { source: [1], target: [2, 3, 4, 5, 6] },
];
const limits = { maxSourceLength: 3, maxTargetLength: 3 };

describe('applyLengthPolicy', () => {
  it('cuts what is too long, and counts', () => {
    expect(applyLengthPolicy(pairs, { ...limits, policy: 'truncate' })).toEqual({
      kept: [
        { source: [1, 2], target: [3] },
        { source: [1, 2, 3], target: [5, 6, 7] },
        { source: [1], target: [2, 3, 4] },
      ],
      report: { skipped: 0, truncated: 2, longest: { source: 4, target: 5 } },
    });
  });

  it('leaves out what is too long, and counts', () => {
    expect(applyLengthPolicy(pairs, { ...limits, policy: 'skip' })).toEqual({
      kept: [{ source: [1, 2], target: [3] }],
      report: { skipped: 2, truncated: 0, longest: { source: 4, target: 5 } },
    });
  });

  it('keeps what is exactly as long as the limit', () => {
    const exact = { maxSourceLength: 4, maxTargetLength: 5, policy: 'skip' as const };
    expect(applyLengthPolicy(pairs, exact).kept).toEqual(pairs);
  });
});
