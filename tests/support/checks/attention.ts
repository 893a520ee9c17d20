/** What any right attention does; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { growingKeys } from '../../../labs/causal-masks.ts';
import {
  attention,
  backward,
  causalMask,
  concat,
  linear,
  matmul,
  Random,
  slice,
  softmax,
  sum,
  type Tensor,
  tensor,
  transpose,
} from '../../../src/index.ts';
import { mask } from '../../../src/nn/attention/masks.ts';
import { MultiHeadAttention } from '../../../src/nn/attention/multi-head.ts';
import { expectNear, gradientOf, largestDifference, leaf, rowOf } from '../numbers.ts';
import { slowAttention } from '../slow.ts';

const small = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most });

/** Sizes of one attention call; the seed draws its values. */
const sizes = fc.record({
  seed: fc.nat(),
  batch: small(2),
  queries: small(5),
  keys: small(5),
  numKvHeads: small(2),
  group: small(2),
  headDim: small(4),
  valueDim: small(4),
});

type Sizes = typeof sizes extends fc.Arbitrary<infer T> ? T : never;

function inputsOf(s: Sizes): { q: Tensor; k: Tensor; v: Tensor; numHeads: number } {
  const numHeads = s.numKvHeads * s.group;
  return {
    q: leaf([s.batch, s.queries, numHeads * s.headDim], s.seed, 'query'),
    k: leaf([s.batch, s.keys, s.numKvHeads * s.headDim], s.seed, 'key'),
    v: leaf([s.batch, s.keys, s.numKvHeads * s.valueDim], s.seed, 'value'),
    numHeads,
  };
}

/** Random bits, each 1 with probability 0.7. */
function drawMask(length: number, seed: number): Uint8Array {
  const random = new Random(seed, 'mask');
  return Uint8Array.from({ length }, () => Number(random.uniform() < 0.7));
}

/** Every head, mask and group of heads equals the scalar loops; masks combine by AND; empty rows give 0. */
export function attentionEqualsLoops(): void {
  fc.assert(
    fc.property(sizes, fc.boolean(), fc.boolean(), fc.boolean(), (s, causal, hidesKeys, hidesPairs) => {
      const { q, k, v, numHeads } = inputsOf(s);
      const rows = hidesPairs ? s.queries : 1;
      const bits = drawMask(s.batch * rows * s.keys, s.seed);
      const hidden = hidesKeys || hidesPairs ? mask(bits, [s.batch, 1, rows, s.keys], q) : null;
      const { output } = slowAttention(q.data, k.data, v.data, {
        ...s,
        numHeads,
        scale: 1 / Math.sqrt(s.headDim),
        sees: (b, _h, t, key) =>
          (!hidden || bits[(b * rows + (hidesPairs ? t : 0)) * s.keys + key] === 1) && (!causal || key <= t),
      });
      const fast = attention(q, k, v, hidden, { numHeads, numKvHeads: s.numKvHeads, causal });
      expectNear(fast.data, output, 1e-12, 'attention against loops');
    }),
  );
}

/** A query that sees nothing gives 0 and passes no gradient on; nothing is NaN. */
export function emptyRowsAreZero(): void {
  fc.assert(
    fc.property(sizes, (s) => {
      const { q, k, v, numHeads } = inputsOf(s);
      const bits = new Uint8Array(s.queries * s.keys).fill(1, s.keys);
      const hidden = mask(bits, [1, 1, s.queries, s.keys], q);
      const output = attention(q, k, v, hidden, { numHeads, numKvHeads: s.numKvHeads });
      const width = numHeads * s.valueDim;
      expect(rowOf(output.data, 0, width)).toEqual(new Array(width).fill(0));
      backward(output, { grad: tensor(new Float64Array(output.size).fill(1), output.shape, q) });
      for (const x of [q, k, v]) expect(gradientOf(x).every(Number.isFinite)).toBe(true);
      expect(rowOf(gradientOf(q), 0, q.shape[2]!).every((g) => g === 0)).toBe(true);
      if (s.queries === 1) expect([...gradientOf(k), ...gradientOf(v)].every((g) => g === 0)).toBe(true);
    }),
  );
}

/** Hidden keys have no influence however large their scores: what −1000 instead of −∞ gets wrong. */
export function hiddenKeysNeverLeak(): void {
  fc.assert(
    fc.property(sizes, (s) => {
      const { q, k, v, numHeads } = inputsOf(s);
      const hidden = mask(
        Uint8Array.from({ length: s.keys }, (_, i) => Number(i > 0)),
        [1, 1, 1, s.keys],
        q,
      );
      const options = { numHeads, numKvHeads: s.numKvHeads };
      const before = attention(q, k, v, hidden, options).data.slice();
      for (let b = 0; b < s.batch; b++) {
        const at = b * s.keys * k.shape[2]!;
        for (let c = 0; c < k.shape[2]!; c++) k.data[at + c] = 1e4 * Math.sign(q.data[c]!);
        v.data[b * s.keys * v.shape[2]!] = 1e4;
      }
      expect(attention(q, k, v, hidden, options).data).toEqual(before);
    }),
  );
}

/** The causal mask equals the inefficient way: for each query, attention over the keys up to its own place. */
export function causalEqualsShrinkingKeys(): void {
  fc.assert(
    fc.property(sizes, (s) => {
      const { q, k, v, numHeads } = inputsOf({ ...s, keys: s.queries });
      const options = { numHeads, numKvHeads: s.numKvHeads };
      const causal = attention(q, k, v, null, { ...options, causal: true });
      expectNear(causal.data, growingKeys(q, k, v, options).data, 1e-13, 'causal mask');
    }),
  );
}

/** The output is an average of the values, and the order of the pairs of key and value is of no matter. */
export function attentionAverages(): void {
  fc.assert(
    fc.property(sizes, (s) => {
      const one = { ...s, numKvHeads: 1, group: 1 };
      const { q, k, v } = inputsOf(one);
      const output = attention(q, k, v, null, { numHeads: 1 });
      for (let i = 0; i < output.size; i++) {
        const [b, c] = [Math.floor(i / (s.queries * s.valueDim)), i % s.valueDim];
        const column = Array.from({ length: s.keys }, (_, t) => v.data[(b * s.keys + t) * s.valueDim + c]!);
        expect(output.data[i]).toBeGreaterThanOrEqual(Math.min(...column) - 1e-12);
        expect(output.data[i]).toBeLessThanOrEqual(Math.max(...column) + 1e-12);
      }
      const backwards = (x: Tensor): Tensor =>
        concat(
          Array.from({ length: s.keys }, (_, t) => slice(x, 1, s.keys - 1 - t, s.keys - t)),
          1,
        );
      const permuted = attention(q, backwards(k), backwards(v), null, { numHeads: 1 });
      expectNear(permuted.data, output.data, 1e-13, 'pairs in reverse order');
    }),
  );
}

/** Heads as reshape and transpose equal a loop over column blocks, each its own attention, then W_O. */
export function headsEqualLoop(): void {
  fc.assert(
    fc.property(fc.nat(), small(4), small(3), small(4), small(4), (seed, heads, headDim, queries, keys) => {
      const dModel = heads * headDim;
      const layer = new MultiHeadAttention(
        { dModel, numHeads: heads },
        { random: new Random(seed, 'heads'), device: 'reference' },
      );
      const [x, memory] = [leaf([1, queries, dModel], seed, 'x'), leaf([1, keys, dModel], seed, 'memory')];
      const head = (from: Tensor, projection: MultiHeadAttention['query'], h: number): Tensor =>
        slice(linear(from, projection.weight, projection.bias), 2, h * headDim, (h + 1) * headDim);
      const outputs = Array.from({ length: heads }, (_, h) => {
        const scores = matmul(head(x, layer.query, h), head(memory, layer.key, h), { transposeB: true });
        const scaled = Float64Array.from(scores.data, (score) => score / Math.sqrt(headDim));
        return matmul(softmax(tensor(scaled, scores.shape, x)), head(memory, layer.value, h));
      });
      const expected = layer.output.forward(concat(outputs, 2));
      expectNear(layer.forward(x, memory).data, expected.data, 1e-12, 'heads by loop');
    }),
  );
}

/** Vectors as columns, as some lectures draw them, give the transpose: `O = V·softmax(KᵀQ/√D)`. */
export function columnsEqualRows(): void {
  fc.assert(
    fc.property(sizes, (s) => {
      const { q, k, v } = inputsOf({ ...s, batch: 1, numKvHeads: 1, group: 1 });
      const rows = attention(q, k, v, null, { numHeads: 1 });
      const [Q, K, V] = [q, k, v].map(transpose) as [Tensor, Tensor, Tensor];
      const scores = matmul(K, Q, { transposeA: true }); // [1, S, T]
      const scaled = tensor(
        Float64Array.from(scores.data, (score) => score / Math.sqrt(s.headDim)),
        scores.shape,
        q,
      );
      const columns = matmul(V, softmax(scaled, { axis: 1 }));
      expectNear(transpose(columns).data, rows.data, 1e-12, 'columns against rows');
    }),
  );
}

/** Without a causal mask every output depends on every input. */
export function everyPositionSeesEveryOther(): void {
  const length = 4;
  const layer = new MultiHeadAttention(
    { dModel: 4, numHeads: 2 },
    { random: new Random(5, 'bidirectional'), device: 'reference' },
  );
  const x = leaf([1, length, 4], 5, 'bidirectional');
  for (let t = 0; t < length; t++) {
    x.grad = undefined;
    backward(sum(slice(layer.forward(x, x), 1, t, t + 1)));
    for (let s = 0; s < length; s++) {
      const block = rowOf(gradientOf(x), s, 4);
      expect(Math.max(...block.map(Math.abs)), `∂ out ${t} / ∂ in ${s}`).toBeGreaterThan(1e-6);
    }
  }
}

/** Rows of the lower triangle: token t sees 0 … t + offset. */
export function causalMaskIsLowerTriangle(): void {
  const like = tensor([0], [1], { device: 'reference' });
  const rows = (queries: number, keys: number, offset: number): string[] => {
    const { data } = causalMask(queries, keys, offset, like);
    return Array.from({ length: queries }, (_, t) => rowOf(data, t, keys).join(''));
  };
  expect(rows(4, 4, 0)).toEqual(['1000', '1100', '1110', '1111']);
  expect(rows(2, 5, 2)).toEqual(['11100', '11110']);
  expect(rows(3, 3, -1)).toEqual(['000', '100', '110']);
}

/** Equal weights after a permutation of heads: no head reads another one's columns. */
export function headsAreIndependent(): void {
  fc.assert(
    fc.property(sizes, (s) => {
      const one = { ...s, numKvHeads: 2, group: 1 };
      const { q, k, v } = inputsOf(one);
      const before = attention(q, k, v, null, { numHeads: 2 }).data.slice();
      const changed = leaf(q.shape, s.seed + 1, 'other query');
      for (let i = 0; i < q.size; i++) {
        if (i % (2 * s.headDim) >= s.headDim) q.data[i] = changed.data[i]!;
      }
      const after = attention(q, k, v, null, { numHeads: 2 }).data;
      const firstHead = (values: ArrayLike<number>): number[] =>
        Array.from(values).filter((_, i) => i % (2 * s.valueDim) < s.valueDim);
      expect(largestDifference(firstHead(after), firstHead(before))).toBe(0);
    }),
  );
}
