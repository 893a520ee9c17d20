/** Masks, right and wrong: inventory F4, F5, F7–F10. */
import { describe, expect, it } from 'vitest';
import { growingKeys, maskAndShift, wrongSign, zeroedWeights } from '../../labs/causal-masks.ts';
import {
  add,
  attention,
  backward,
  causalMask,
  countOps,
  mul,
  noGrad,
  softmax,
  sum,
  type Tensor,
  tensor,
} from '../../src/index.ts';
import { expectNear, gradientOf, leaf, rowOf } from '../support/numbers.ts';

const onReference = { device: 'reference' } as const;

describe('keys that grow with the query (F5)', () => {
  it('take L softmaxes, each after the other, where the mask takes one', () => {
    const L = 7;
    const [q, k, v] = ['q', 'k', 'v'].map((name) => leaf([1, L, 4], 1, name)) as [Tensor, Tensor, Tensor];
    const calls = (body: () => Tensor) => {
      const { result, counts } = countOps(() => noGrad(body));
      return { data: result.data, softmaxes: counts.ops.get('softmax')!.calls };
    };
    const growing = calls(() => growingKeys(q, k, v, { numHeads: 2 }));
    const masked = calls(() => attention(q, k, v, null, { numHeads: 2, causal: true }));
    expect([growing.softmaxes, masked.softmaxes]).toEqual([L, 1]);
    expectNear(growing.data, masked.data, 1e-13);
  });
});

describe('strict or inclusive, shifted or not (F7)', () => {
  it.each([
    ['inclusive', true, { leaks: false, starves: false }],
    ['inclusive', false, { leaks: true, starves: false }],
    ['strict', true, { leaks: false, starves: true }],
    ['strict', false, { leaks: true, starves: true }],
  ] as const)('%s, shifted %s: %j', (rule, shifted, verdict) => {
    expect(maskAndShift(rule, shifted)).toEqual(verdict);
  });

  it('a starved row is NaN by the formula and 0 here (F10)', () => {
    const scores = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const byFormula = scores.map((x) => Math.exp(x - Math.max(...scores)));
    expect(byFormula.every(Number.isNaN)).toBe(true);
    const row = tensor(scores, [1, 2], { ...onReference, requiresGrad: true });
    const ours = softmax(row);
    expect(Array.from(ours.data)).toEqual([0, 0]);
    backward(sum(mul(ours, tensor([1, 2], [2], onReference))));
    expect(Array.from(gradientOf(row))).toEqual([0, 0]);
    const finite = noGrad(() => softmax(tensor([-1e9, -1e9], [1, 2], onReference)));
    expect(Array.from(finite.data)).toEqual([0.5, 0.5]);
  });
});

describe('ways that do not hide', () => {
  const L = 5;
  const scores = leaf([1, 1, L, L], 3, 'scores');
  const visible = causalMask(L, L, 0, scores);

  it('weights that are zeroed after the softmax sum to less than 1 and pass gradients to the future (F8)', () => {
    const weights = zeroedWeights(scores, visible);
    const sums = Array.from({ length: L }, (_, t) => rowOf(weights.data, t, L).reduce((a, b) => a + b, 0));
    for (const total of sums.slice(0, -1)) expect(total).toBeLessThan(0.99);
    expect(sums.at(-1)).toBeCloseTo(1, 12);
    backward(sum(mul(weights, weights)));
    const first = rowOf(gradientOf(scores), 0, L);
    expect(first.slice(1).every((gradient) => gradient !== 0)).toBe(true);
  });

  it('+∞ in the place of −∞ leaves no usable weight (F9)', () => {
    const weights = noGrad(() => softmax(wrongSign(scores, visible)));
    // The first query may see itself alone: with the right sign its weight there is 1.
    const [own] = rowOf(weights.data, 0, L);
    expect(own === 0 || Number.isNaN(own)).toBe(true);
  });

  it.each([
    [900, 0],
    [980, 1e-6],
    [990, 1e-3],
    [1005, 1],
  ])(
    '−1000 added to a hidden score of %d leaves a weight of at most %d; −∞ leaves 0 (F4)',
    (hidden, most) => {
      const row = tensor([hidden, 0], [1, 2], onReference);
      const [finite] = noGrad(() => softmax(add(row, tensor([-1000, 0], [1, 2], onReference)))).data;
      expect(finite).toBeLessThanOrEqual(Math.max(most, 1e-40));
      if (hidden >= 990) expect(finite).toBeGreaterThan(1e-5);
      const infinite = noGrad(() =>
        softmax(add(row, tensor([Number.NEGATIVE_INFINITY, 0], [1, 2], onReference))),
      );
      expect(infinite.data[0]).toBe(0);
    },
  );
});
