/** The kernels of monotonic alignment on every instruction set, against the closed form of the paper. */
import { describe, test } from 'vitest';
import { blank, expectKernel, noise } from '../../../tests/support/native-kernels.ts';

const shapes = [
  [1, 1, 1],
  [3, 1, 7],
  [4, 5, 1],
  [5, 6, 9],
  [9, 17, 12],
  [2, 0, 3],
  [130, 3, 17],
] as const;

/**
 * `α_t = p_t cumprod(1 − p_t) cumsum(α_{t−1} / cumprod(1 − p_t))` with exclusive products. Paper: Raffel et al., 2017,
 * https://arxiv.org/abs/1704.00784, equation 15
 */
function closedForm(p: Float64Array, T: number, S: number, before: ArrayLike<number>): Float64Array {
  const alpha = new Float64Array(T * S);
  let last = Float64Array.from(before);
  for (let t = 0; t < T; t++) {
    let [passed, sum] = [1, 0];
    last = last.map((value, s) => {
      sum += value / passed;
      const own = p[t * S + s]! * passed * sum;
      passed *= 1 - p[t * S + s]!;
      return own;
    });
    alpha.set(last, t * S);
  }
  return alpha;
}

/** Central differences of Σ grad · α in one number of an array that `alpha` is computed from. */
function slope(numbers: Float64Array, at: number, grad: Float64Array, alpha: () => Float64Array): number {
  const value = numbers[at]!;
  const total = (shift: number): number => {
    numbers[at] = value + shift;
    return alpha().reduce((sum, a, n) => sum + a * grad[n]!, 0);
  };
  const difference = (total(1e-5) - total(-1e-5)) / 2e-5;
  numbers[at] = value;
  return difference;
}

describe.each([true, false])('behind other outputs: %s', (isBehind) => {
  for (const [entries, T, S] of shapes) {
    test(`${entries} entries of ${T} outputs and ${S} places`, (context) => {
      const p = noise(entries * T * S).map((value) => 0.5 + 0.45 * value);
      const before = noise(entries * S, 2).map((value) => Math.abs(value) / S);
      const grad = noise(entries * T * S, 3);
      const [alpha, gradients]: [number[], number[]] = [[], []];
      for (let entry = 0; entry < entries; entry++) {
        const own = Float64Array.from(p.subarray(entry * T * S, (entry + 1) * T * S));
        const first = isBehind
          ? Float64Array.from(before.subarray(entry * S, (entry + 1) * S))
          : Float64Array.from({ length: S }, (_, s) => Number(s === 0));
        const upstream = Float64Array.from(grad.subarray(entry * T * S, (entry + 1) * T * S));
        const compute = (): Float64Array => closedForm(own, T, S, first);
        alpha.push(...compute());
        for (let n = 0; n < T * S; n++) gradients.push(slope(own, n, upstream, compute));
        for (let s = 0; s < S; s++) gradients.push(slope(first, s, upstream, compute));
      }
      const given = { ints: [entries, T, S], items: Math.ceil(entries / 4) };
      const start = isBehind ? before : null;
      const forward = { kernel: 'monotonic_alignment', outputs: [blank(entries * T * S)], ...given };
      expectKernel(context, { ...forward, inputs: [p, start] }, [alpha], { relative: 1e-6, absolute: 1e-12 });
      const outputs = [blank(entries * (T + 1) * S)];
      const backward = {
        kernel: 'monotonic_alignment_backward',
        outputs,
        inputs: [grad, p, start],
        ...given,
      };
      expectKernel(context, backward, [gradients], { relative: 1e-5, absolute: 1e-6 });
    });
  }

  test('certain stops and none at all', (context) => {
    const p = Float32Array.of(0, 1, 0.5, 1, 0, 1, 0, 0, 0);
    const before = isBehind ? Float32Array.of(0, 1, 0) : null;
    // It stops at the second place, then at the third, because p is 0 where it stands, and then runs off the end.
    const want = [0, 1, 0, 0, 0, 1, 0, 0, 0];
    const call = { kernel: 'monotonic_alignment', outputs: [blank(9)], inputs: [p, before], ints: [1, 3, 3] };
    expectKernel(context, call, [want], {});
  });

  test('a reader that stops nowhere for long stays within the numbers', (context) => {
    const S = 3000;
    const p = new Float32Array(S).fill(0.05);
    const start = isBehind ? Float32Array.from({ length: S }, (_, s) => Number(s === 0)) : null;
    const want = Float64Array.from(p, (_, s) => Math.fround(0.05) * (1 - Math.fround(0.05)) ** s);
    const call = { kernel: 'monotonic_alignment', outputs: [blank(S)], inputs: [p, start], ints: [1, 1, S] };
    expectKernel(context, call, [want], { relative: 1e-6, absolute: 1e-44 });
  });
});
