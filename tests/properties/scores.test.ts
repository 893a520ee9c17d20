/** Score functions of attention: inventory E1, E3, E4, Q13–Q16. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  additiveAttention,
  additiveScore,
  attend,
  attention,
  backward,
  bilinearScore,
  ConfigError,
  capture,
  countOps,
  dotScore,
  type HardEstimator,
  hardDistribution,
  learnedScaleScore,
  mask,
  mul,
  noGrad,
  Random,
  type ScoreFunction,
  type ScoreScale,
  ShapeError,
  sum,
  type Tensor,
  tensor,
} from '../../src/index.ts';
import { MultiHeadAttention } from '../../src/nn/attention/multi-head.ts';
import {
  hardLookupHasItsGradients,
  lookupOfNothingIsZero,
  maskedLookupEqualsLoops,
  maskedLookupHasItsGradients,
} from '../support/checks/attend.ts';
import { additiveHeadsEqualLoops } from '../support/checks/scores.ts';
import { itOnEachDevice } from '../support/devices.ts';
import { finiteDifferences } from '../support/finite-differences.ts';
import { expectNear, gradientOf, leaf, rowOf } from '../support/numbers.ts';
import { scoresOn, WIDTH } from '../support/score-functions.ts';

const known = scoresOn('reference');
const one = (values: readonly number[][]): Tensor => tensor([values], undefined, { device: 'reference' });

describe.each(known)('soft lookup by $name score', ({ score, parameters }) => {
  it('stays within the range of the values, whatever the order of keys and values (E1)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(), (keys, seed) => {
        const [q, k] = [leaf([1, 2, WIDTH], seed, 'q'), leaf([1, keys, WIDTH], seed, 'k')];
        const v = leaf([1, keys, 4], seed, 'v');
        const order = Array.from({ length: keys }, (_, i) => (i + seed) % keys);
        const turned = (x: Tensor, width: number): Tensor => one(order.map((i) => rowOf(x.data, i, width)));
        const plain = noGrad(() => attend(q, k, v, { score }));
        const other = noGrad(() => attend(q, turned(k, WIDTH), turned(v, 4), { score }));
        expectNear(other.output.data, plain.output.data, 1e-12, 'order');
        for (let c = 0; c < 4; c++) {
          const column = Array.from({ length: keys }, (_, s) => v.data[s * 4 + c]!);
          for (const t of [0, 1]) {
            expect(plain.output.data[t * 4 + c]).toBeGreaterThanOrEqual(Math.min(...column) - 1e-12);
            expect(plain.output.data[t * 4 + c]).toBeLessThanOrEqual(Math.max(...column) + 1e-12);
          }
        }
      }),
    );
  });

  it('gives the value of the best key when scores grow without bound (E1)', () => {
    const [q, k, v] = [leaf([1, 1, WIDTH], 7, 'q'), leaf([1, 4, WIDTH], 7, 'k'), leaf([1, 4, 2], 7, 'v')];
    const sharp: ScoreFunction = (query, keys) => mul(score(query, keys), tensor([1e6], undefined, query));
    const { output, scores: all } = noGrad(() => attend(q, k, v, { score: sharp }));
    const best = all.data.indexOf(Math.max(...all.data) as never);
    expectNear(output.data, rowOf(v.data, best, 2), 1e-12, 'value');
  });

  it('has the gradient of finite differences, its own weights included (E2)', () => {
    const inputs = [
      leaf([2, 3, WIDTH], 2, 'q'),
      leaf([2, 4, WIDTH], 2, 'k'),
      leaf([2, 4, 2], 2, 'v'),
    ] as const;
    const upstream = leaf([2, 3, 2], 3, 'upstream').detach();
    const loss = (): Tensor => sum(mul(attend(...inputs, { score }).output, upstream));
    for (const x of [...inputs, ...parameters]) x.grad = undefined;
    backward(loss());
    for (const x of [...inputs, ...parameters])
      expectNear(
        gradientOf(x),
        finiteDifferences(() => loss().item(), x),
        1e-6,
        'gradient',
      );
  });
});

describe('lookup under a mask (E1)', () => {
  itOnEachDevice('equals loops over the keys that are seen, soft and hard', maskedLookupEqualsLoops);
  it('of nothing is 0, with gradients of 0', lookupOfNothingIsZero);
  it('has the gradient of finite differences', maskedLookupHasItsGradients);

  it('must have a mask that fits the scores', () => {
    const [q, k] = [leaf([2, 3, WIDTH], 1, 'q'), leaf([2, 4, WIDTH], 1, 'k')];
    const longer = mask(new Uint8Array(5).fill(1), [1, 1, 5], { device: q.device });
    expect(() => attend(q, k, k, { mask: longer })).toThrow(ShapeError);
  });
});

describe('hard lookup (E1, E6)', () => {
  it(
    'gives values the gradient of the choice, queries and keys none or that of the softmax',
    hardLookupHasItsGradients,
  );

  it('takes the first of keys that match equally well', () => {
    const k = one([
      [1, 0, 0],
      [2, 0, 0],
      [2, 0, 0],
    ]);
    const v = one([[5], [6], [7]]);
    const { output, weights } = attend(one([[1, 0, 0]]), k, v, { distribution: hardDistribution() });
    expect(Array.from(weights.data)).toEqual([0, 1, 0]);
    expect(output.item()).toBe(6);
  });

  it('names the estimator that was meant', () => {
    const make = () => hardDistribution('straight-trough' as HardEstimator);
    expect(make).toThrow(ConfigError);
    expect(make).toThrow('did you mean "straight-through"?');
  });
});

describe('equalities of scores', () => {
  const [q, k, v] = [leaf([2, 3, WIDTH], 4, 'q'), leaf([2, 5, WIDTH], 4, 'k'), leaf([2, 5, 4], 4, 'v')];
  const outputOf = (score: ScoreFunction): ArrayLike<number> =>
    noGrad(() => attend(q, k, v, { score }).output.data);

  it('bilinear with W = I and a learned factor of 1 are dot products', () => {
    const identity = tensor(
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      undefined,
      { device: 'reference' },
    );
    expectNear(outputOf(bilinearScore(identity)), outputOf(dotScore), 1e-14);
    const factor = tensor([1], undefined, { device: 'reference' });
    expectNear(outputOf(learnedScaleScore(factor)), outputOf(dotScore), 1e-14);
  });

  it('additive with keys that do not count is the mean of the values', () => {
    const none = tensor(new Float64Array(5 * WIDTH), [5, WIDTH], { device: 'reference' });
    const means = Array.from({ length: 2 * 3 * 4 }, (_, i) => {
      const [b, c] = [Math.floor(i / 12), i % 4];
      let total = 0;
      for (let s = 0; s < 5; s++) total += v.data[(b * 5 + s) * 4 + c]!;
      return total / 5;
    });
    const score = additiveScore(leaf([5, WIDTH], 1, 'query'), none, leaf([5], 1, 'vector'));
    expectNear(outputOf(score), means, 1e-13);
  });
});

itOnEachDevice('additive heads equal scalar loops, packed, causal or masked (E4)', additiveHeadsEqualLoops);

describe('what scores cost and what they saturate (Q13–Q16)', () => {
  it('additive takes n² D sums and tanh more than dot products (E4, Q16)', () => {
    const [n, width] = [24, 16];
    const [q, k, v] = ['q', 'k', 'v'].map((name) => leaf([1, n, width], 1, name)) as [Tensor, Tensor, Tensor];
    const vector = leaf([width], 1, 'vector');
    const eye = tensor(
      Float64Array.from({ length: width ** 2 }, (_, i) => Number(i % (width + 1) === 0)),
      [width, width],
      { device: 'reference' },
    );
    const open = countOps(() => noGrad(() => attend(q, k, v, { score: additiveScore(eye, eye, vector) })));
    expect(open.counts.ops.get('tanh')!.flops).toBe(n * n * width);
    const scored = countOps(() => noGrad(() => additiveAttention(q, k, v, vector)));
    const dot = countOps(() => noGrad(() => attention(q, k, v, null, { numHeads: 1, scale: 1 })));
    const extra = scored.counts.flops - dot.counts.flops;
    expect(extra).toBeGreaterThan(1.9 * n * n * width);
    expect(extra).toBeLessThan(2.2 * n * n * width);
  });

  /**
   * Mean entropy of a layer's weights over 64 random keys as a share of the largest, and mean norm of the Jacobian
   * `∂ weights / ∂ scores` of a row. Queries and keys are the vectors themselves.
   */
  const sharpness = (width: number, scale: ScoreScale) => {
    const [keys, rows] = [64, 48];
    const layer = new MultiHeadAttention(
      { dModel: width, numHeads: 1, valueDim: 1, bias: false, scale },
      { random: new Random(1, 'sharpness'), device: 'reference' },
    );
    for (const { weight } of [layer.query, layer.key])
      weight.data.set(Float64Array.from({ length: width ** 2 }, (_, i) => Number(i % (width + 1) === 0)));
    const [x, memory] = [leaf([1, rows, width], width, 'queries'), leaf([1, keys, width], width, 'keys')];
    const { tensors } = noGrad(() => capture(layer, ['weights'], () => layer.forward(x, memory)));
    const { data } = tensors.get('weights')!;
    let [entropy, jacobian] = [0, 0];
    for (let row = 0; row < rows; row++) {
      const w = rowOf(data, row, keys);
      entropy -= w.reduce((total, p) => total + (p > 0 ? p * Math.log(p) : 0), 0) / Math.log(keys) / rows;
      let square = 0;
      for (let i = 0; i < keys; i++)
        for (let j = 0; j < keys; j++) square += (w[i]! * (Number(i === j) - w[j]!)) ** 2;
      jacobian += Math.sqrt(square) / rows;
    }
    return { entropy, jacobian };
  };

  it('plain products saturate as heads widen, scaled ones do not, 1/D flattens (E3, Q13, Q15)', () => {
    const [narrow, wide] = [sharpness(4, 'none'), sharpness(256, 'none')];
    expect(narrow.entropy).toBeGreaterThan(0.6);
    expect(wide.entropy).toBeLessThan(0.2);
    expect(wide.jacobian).toBeLessThan(0.8 * narrow.jacobian);
    const scaled = [4, 16, 256].map((width) => sharpness(width, 'sqrt'));
    for (const { entropy, jacobian } of scaled) {
      expect(entropy).toBeGreaterThan(0.83);
      expect(entropy).toBeLessThan(0.95);
      expect(Math.abs(jacobian / scaled[0]!.jacobian - 1)).toBeLessThan(0.3);
    }
    expect(sharpness(256, 'linear').entropy).toBeGreaterThan(0.998);
    expect(sharpness(4, 'linear').entropy).toBeLessThan(sharpness(256, 'linear').entropy);
  });

  it.each([
    ['t5', 1, 0.08],
    ['sqrt', 1, 0.15],
    ['none', 8, 1.2],
  ] as const)(
    'first scores with scale %s have a standard deviation near %d (E3, Q14)',
    (scale, expected, margin) => {
      const sizes = { dModel: 64, numHeads: 1, bias: false, scale };
      const layer = new MultiHeadAttention(sizes, { random: new Random(3, 'init'), device: 'reference' });
      const x = leaf([1, 64, 64], 5, 'x');
      const { query, key } = layer;
      const products = noGrad(() => dotScore(query.forward(x), key.forward(x))).data;
      const mean = Array.from(products).reduce((total, value) => total + value ** 2, 0) / products.length;
      expect(Math.abs(layer.scale * Math.sqrt(mean) - expected)).toBeLessThan(margin);
    },
  );
});
