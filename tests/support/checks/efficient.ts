/** What any right attention of reduced cost does; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  attention,
  concat,
  lengthProjection,
  linearAttention,
  slice,
  sparseAttention,
  sparsePattern,
  type Tensor,
  tensor,
} from '../../../src/index.ts';
import { denseMask } from '../../../src/ops/sparse-attention/pattern.ts';
import { expectNear, leaf } from '../numbers.ts';
import { slowAttention } from '../slow.ts';

const small = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most });

const sizes = fc.record({ seed: fc.nat(), numHeads: small(3), headDim: small(4), length: small(9) });
type Sizes = typeof sizes extends fc.Arbitrary<infer T> ? T : never;

function inputsOf({ seed, numHeads, headDim, length }: Sizes): [q: Tensor, k: Tensor, v: Tensor] {
  const shape = [1, length, numHeads * headDim];
  return [leaf(shape, seed, 'query'), leaf(shape, seed, 'key'), leaf(shape, seed, 'value')];
}

/** Attention as loops over the pairs that `sees` lets through. */
function loops(
  [q, k, v]: readonly Tensor[],
  s: Sizes,
  sees: (t: number, s: number) => boolean,
): Float64Array {
  return slowAttention(q!.data, k!.data, v!.data, {
    ...{ batch: 1, queries: s.length, keys: s.length, numHeads: s.numHeads, numKvHeads: s.numHeads },
    ...{ headDim: s.headDim, valueDim: s.headDim, scale: 1 / Math.sqrt(s.headDim) },
    sees: (_b, _h, t, key) => sees(t, key),
  }).output;
}

/** A window equals loops over the pairs within the band, causal or not. */
export function windowEqualsLoops(): void {
  fc.assert(
    fc.property(sizes, fc.nat(4), fc.nat(4), fc.boolean(), (s, left, right, causal) => {
      const inputs = inputsOf(s);
      const expected = loops(inputs, s, (t, key) => key >= t - left && key <= t + (causal ? 0 : right));
      const window = [left, right] as const;
      const output = attention(...inputs, null, { numHeads: s.numHeads, window, causal });
      expectNear(output.data, expected, 1e-12, 'window');
    }),
  );
}

/** Sizes of patterns over 9 tokens or fewer. */
const patterns = fc.record({
  blockSize: small(3),
  window: fc.nat(2),
  globals: fc.nat(2),
  random: fc.nat(2),
  causal: fc.boolean(),
  seed: fc.nat(),
});

/** Attention along a pattern equals loops over its pairs. */
export function sparseEqualsLoops(): void {
  fc.assert(
    fc.property(sizes, patterns, (s, options) => {
      const inputs = inputsOf(s);
      const pattern = sparsePattern([s.length], options);
      const seen = denseMask(pattern.runs, pattern.ranges, s.length);
      const { causal } = options;
      const expected = loops(inputs, s, (t, key) => seen[t * s.length + key] === 1 && (!causal || key <= t));
      const output = sparseAttention(...inputs, pattern, null, { numHeads: s.numHeads, causal });
      expectNear(output.data, expected, 1e-12, 'sparse attention');
    }),
  );
}

const phi = (x: number): number => (x > 0 ? x + 1 : Math.exp(x));

/** Linear attention equals loops over all pairs with φ(q)·φ(k) as weights. */
export function linearEqualsLoops(): void {
  fc.assert(
    fc.property(sizes, fc.boolean(), (s, causal) => {
      const [q, k, v] = inputsOf(s);
      const { numHeads, headDim, length } = s;
      const expected = new Float64Array(q.size);
      for (let t = 0; t < length; t++) {
        for (let h = 0; h < numHeads; h++) {
          const at = (row: number, c: number): number => (row * numHeads + h) * headDim + c;
          const weights = Array.from({ length: causal ? t + 1 : length }, (_, key) => {
            let dot = 0;
            for (let c = 0; c < headDim; c++) dot += phi(q.data[at(t, c)]!) * phi(k.data[at(key, c)]!);
            return dot;
          });
          const total = weights.reduce((a, b) => a + b, 0);
          for (let c = 0; c < headDim; c++)
            for (const [key, weight] of weights.entries())
              expected[at(t, c)]! += (weight / total) * v.data[at(key, c)]!;
        }
      }
      expectNear(
        linearAttention(q, k, v, null, { numHeads, causal }).data,
        expected,
        1e-12,
        'linear attention',
      );
    }),
  );
}

/** Sequences in a row are projected each by itself, from the first column of the matrix on. */
export function projectionsAreSeparate(): void {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.array(fc.nat(4), { minLength: 1, maxLength: 4 }),
      small(3),
      (seed, lengths, rows) => {
        const starts = [0];
        for (const length of lengths) starts.push(starts.at(-1)! + length);
        const [x, weight] = [leaf([1, starts.at(-1)!, 4], seed, 'x'), leaf([2, rows, 5], seed, 'projection')];
        const bounds = (values: number[]): Tensor =>
          tensor(values, undefined, { dtype: 'int32', device: x.device });
        const each = lengths.map((length, i) =>
          lengthProjection(slice(x, 1, starts[i]!, starts[i + 1]!), weight, bounds([0, length])),
        );
        const together = lengthProjection(x, weight, bounds(starts));
        expectNear(together.data, concat(each, 1).data, 1e-13, 'sequences in a row');
        const direct = new Float64Array(together.size);
        for (const [i, length] of lengths.entries())
          for (let j = 0; j < rows; j++)
            for (let c = 0; c < 4; c++)
              for (let t = 0; t < length; t++)
                direct[(i * rows + j) * 4 + c]! +=
                  weight.data[((c >> 1) * rows + j) * 5 + t]! * x.data[(starts[i]! + t) * 4 + c]!;
        expectNear(together.data, direct, 1e-13, 'projection');
        expect(together.shape).toEqual([1, lengths.length * rows, 4]);
      },
    ),
  );
}
