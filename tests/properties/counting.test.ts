/** Operations, bytes and steps are counted where they happen: inventory A9. */
import { describe, expect, it } from 'vitest';
import { add, attention, countOps, matmul, Random, slice, type Tensor, tanh } from '../../src/index.ts';
import { itOnEachDevice } from '../support/devices.ts';
import { leaf } from '../support/numbers.ts';

/** Slope of log y over log x between neighbours. */
function exponents(xs: readonly number[], ys: readonly number[]): number[] {
  return xs.slice(1).map((x, i) => Math.log(ys[i + 1]! / ys[i]!) / Math.log(x / xs[i]!));
}

function attentionProducts(length: number, width: number): number {
  const [q, k, v] = [1, 2, 3].map((seed) => leaf([1, length, width], seed, 'count')) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const { counts } = countOps(() => attention(q, k, v, null, { numHeads: 1 }));
  return counts.ops.get('matmul')!.flops;
}

describe('the counter', () => {
  itOnEachDevice('equals 2·B·M·N·K on 20 random shapes, with calls and bytes', (device) => {
    const random = new Random(1, 'shapes');
    for (let i = 0; i < 20; i++) {
      const [batch, m, n, k] = Array.from({ length: 4 }, () => 1 + random.integer(12)) as [
        number,
        number,
        number,
        number,
      ];
      const [a, b] = [leaf([batch, m, k], i, 'a', device), leaf([batch, k, n], i, 'b', device)];
      const { counts } = countOps(() => [matmul(a, b), matmul(a, b)]);
      const bytes = (device === 'reference' ? 8 : 4) * batch * (m * k + k * n + m * n);
      expect(counts.ops.get('matmul')).toEqual({ calls: 2, flops: 4 * batch * m * n * k, bytes: 2 * bytes });
      expect(counts.flops).toBe(4 * batch * m * n * k);
      expect(counts.steps).toBe(1);
    }
  });

  it('gives attention exponent 2 in the length and 1 in the width', () => {
    const lengths = [4, 8, 16, 32];
    for (const slope of exponents(
      lengths,
      lengths.map((length) => attentionProducts(length, 6)),
    )) {
      expect(slope).toBeCloseTo(2, 12);
    }
    for (const slope of exponents(
      lengths,
      lengths.map((width) => attentionProducts(5, width)),
    )) {
      expect(slope).toBeCloseTo(1, 12);
    }
  });

  it('counts L steps for a recurrence over L tokens, the same few for attention', () => {
    const steps = (length: number): { recurrent: number; attentive: number } => {
      const [x, w] = [leaf([1, length, 4], 1, 'x').detach(), leaf([4, 4], 1, 'w').detach()];
      const recurrent = countOps(() => {
        let state = slice(x, 1, 0, 1);
        for (let t = 1; t < length; t++) state = tanh(add(matmul(state, w), slice(x, 1, t, t + 1)));
      }).counts.steps;
      return { recurrent, attentive: countOps(() => attention(x, x, x, null, { numHeads: 2 })).counts.steps };
    };
    const [short, long] = [steps(5), steps(50)];
    expect(short.recurrent).toBe(1 + 3 * 4);
    expect(long.recurrent).toBe(1 + 3 * 49);
    expect(long.attentive).toBe(short.attentive);
    expect(long.attentive).toBeLessThanOrEqual(8);
  });

  it('of an outer count goes on after an inner one', () => {
    const [a, b] = [leaf([2, 2], 1, 'a'), leaf([2, 2], 1, 'b')];
    const { counts, result } = countOps(() => {
      matmul(a, b);
      const inner = countOps(() => matmul(a, b)).counts.flops;
      matmul(a, b);
      return inner;
    });
    expect(result).toBe(16);
    expect(counts.flops).toBe(32);
    expect(countOps(() => undefined).counts.flops).toBe(0);
  });
});
