/** The kernel of quantised weights on every instruction set, against sums of whole numbers. */
import { describe, expect, it } from 'vitest';
import { blank, expectKernel, noise, runKernel } from '../../../tests/support/native-kernels.ts';
import { randomCodes } from '../../../tests/support/slow-quantized.ts';

const sizes: readonly (readonly [M: number, N: number, K: number])[] = [
  [1, 1, 32],
  [1, 16, 64],
  [2, 17, 96],
  [3, 15, 32],
  [4, 33, 128],
  [7, 31, 32],
  [8, 48, 64],
  [13, 35, 96],
  [70, 19, 32],
];

describe.each([8, 4] as const)('quantized_linear with %i bits', (bits) => {
  const more =
    bits === 8
      ? ([
          [5, 18, 45],
          [2, 3, 1],
          [0, 4, 32],
        ] as const)
      : [];
  it.for([...sizes, ...more])('%i × %i × %i', ([M, N, K], context) => {
    const { codes, scales, values: weights } = randomCodes(N, K, bits, { seed: N });
    // Sixteenths, of which every group has 127 at most and once: rounding the activations changes nothing.
    const x = Float32Array.from(noise(M * K, 7), (v, i) =>
      (i % K) % 32 === 0 ? -127 / 16 : Math.trunc(v * 127) / 16,
    );
    const bias = noise(N, 9);
    const wanted = Float64Array.from({ length: M * N }, (_, i) => {
      const [m, n] = [Math.floor(i / N), i % N];
      let sum = bias[n]!;
      for (let k = 0; k < K; k++) sum += x[m * K + k]! * weights[n * K + k]!;
      return sum;
    });
    const test = { kernel: 'quantized_linear', outputs: [blank(M * N)], inputs: [codes, scales, x, bias] };
    const size = wanted.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
    expectKernel(context, { ...test, ints: [M, N, K, bits] }, [wanted], { absolute: 1e-6 * size });
  });

  it.for([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%d spoils its row, and no other',
    (bad, context) => {
      const { codes, scales } = randomCodes(16, 64, bits, { seed: 1 });
      const x = noise(3 * 64, 5);
      x[64 + 40] = bad;
      const test = { kernel: 'quantized_linear', outputs: [blank(3 * 16)], inputs: [codes, scales, x, null] };
      runKernel(context, { ...test, ints: [3, 16, 64, bits] }, ([y]) => {
        expect(Array.from(y!, Number.isFinite)).toEqual(
          Array.from({ length: 48 }, (_, i) => i < 16 || i >= 32),
        );
        expect([...y!.subarray(16, 32)].every(Number.isNaN)).toBe(true);
      });
    },
  );
});

describe.each([8, 4] as const)('quantized_embedding with %i bits', (bits) => {
  const sizes = [
    [16, 32],
    [1, 64],
    [35, 96],
    [50, 256],
    ...(bits === 8
      ? [
          [33, 45],
          [2, 1],
        ]
      : []),
  ] as const;
  it.for(sizes)('a table %i × %i', ([V, C], context) => {
    const { codes, scales, values: table } = randomCodes(V!, C!, bits, { seed: V! });
    for (const tokens of [0, 1, 90]) {
      const ids = Int32Array.from({ length: tokens }, (_, t) => (t * 7 + V! - 1) % V!);
      const wanted = Float64Array.from(
        { length: tokens * C! },
        (_, n) => 2.5 * table[ids[Math.floor(n / C!)]! * C! + (n % C!)]!,
      );
      const call = {
        kernel: 'quantized_embedding',
        outputs: [blank(tokens * C!)],
        inputs: [codes, scales, ids],
      };
      const tolerance = { relative: 3e-7 };
      expectKernel(context, { ...call, ints: [C!, bits], floats: [2.5], items: tokens }, [wanted], tolerance);
    }
  });
});
