/** What any right layer and op does; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  add,
  backward,
  crossEntropy,
  Dropout,
  dropout,
  embedding,
  FeedForward,
  gelu,
  LayerNorm,
  layerNorm,
  linear,
  logSoftmax,
  matmul,
  mul,
  noGrad,
  Random,
  Residual,
  relu,
  SinusoidalPosition,
  scale,
  slice,
  softmax,
  sum,
  type Tensor,
  tensor,
  withDropoutKeys,
  zeros,
} from '../../../src/index.ts';
import { finiteDifferences } from '../finite-differences.ts';
import { disturb } from '../models.ts';
import { expectNear, gradientOf, idTensor, leaf, rowOf } from '../numbers.ts';
import { slowCrossEntropy, slowLayerNorm, slowLinear, slowNormalCdf } from '../slow.ts';

const small = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most });
const context = (seed: number) => ({ random: new Random(seed, 'layers'), device: 'reference' });

/** Rows sum to 1, no constant matters (also one of 10⁴), the order is kept. */
export function softmaxIsADistribution(): void {
  const rows = fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 7 });
  fc.assert(
    fc.property(rows, fc.constantFrom(-1e4, -3, 0.5, 1e4), (scores, shift) => {
      const at = (values: number[]): Tensor => tensor([values, values], undefined, { device: 'reference' });
      const weights = softmax(at(scores));
      const shifted = softmax(at(scores.map((score) => score + shift)));
      expectNear(shifted.data, weights.data, 1e-11, 'softmax after a shift');
      for (const row of [0, 1]) {
        const own = rowOf(weights.data, row, scores.length);
        expect(Math.abs(own.reduce((a, b) => a + b, 0) - 1)).toBeLessThanOrEqual(1e-14);
        expect(own.every((weight) => weight >= 0)).toBe(true);
      }
      const logs = Array.from(logSoftmax(at(scores)).data, Math.exp);
      expectNear(logs, weights.data, 1e-13, 'exp of logSoftmax');
    }),
  );
}

/** The whole Jacobian, `yᵢ (δᵢⱼ − yⱼ)`. */
export function softmaxHasItsJacobian(): void {
  fc.assert(
    fc.property(fc.nat(), small(6), (seed, width) => {
      const x = leaf([1, width], seed, 'softmax');
      for (let i = 0; i < width; i++) {
        x.grad = undefined;
        const y = softmax(x);
        const weights = Float64Array.from(y.data);
        backward(sum(slice(y, 1, i, i + 1)));
        const expected = weights.map((w, j) => weights[i]! * ((i === j ? 1 : 0) - w));
        expectNear(gradientOf(x), expected, 1e-14, `row ${i} of the Jacobian`);
      }
    }),
  );
}

/** Loss of each target against the smoothed distribution; 0 and no gradient at ignored ones. */
export function crossEntropyEqualsLoops(): void {
  const arbitrary = fc.record({
    seed: fc.nat(),
    targets: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 5 }),
    labelSmoothing: fc.constantFrom(0, 0.1, 0.4),
  });
  fc.assert(
    fc.property(arbitrary, ({ seed, targets, labelSmoothing }) => {
      const logits = leaf([targets.length, 5], seed, 'logits');
      const places = tensor(targets, [targets.length], { dtype: 'int32', device: 'reference' });
      const options = { labelSmoothing, ignoreIndex: 0 };
      const losses = crossEntropy(logits, places, options);
      expectNear(losses.data, slowCrossEntropy(logits.data, targets, options), 1e-12, 'losses');
      backward(losses, { grad: tensor(new Float64Array(targets.length).fill(1), [targets.length], logits) });
      targets.forEach((target, row) => {
        const gradient = rowOf(gradientOf(logits), row, 5);
        if (target === 0) expect(gradient.every((g) => g === 0)).toBe(true);
        expect(Math.abs(gradient.reduce((a, b) => a + b, 0))).toBeLessThanOrEqual(1e-13);
      });
    }),
  );
}

/** Lookup equals the product with one-hot rows, in value and gradient, scaled by √C. */
export function embeddingEqualsOneHot(): void {
  const ids = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.nat(), ids, small(4), (seed, list, width) => {
      const [own, other] = [leaf([6, width], seed, 'table'), leaf([6, width], seed, 'table')];
      const oneHot = tensor(
        list.map((id) => Array.from({ length: 6 }, (_, v) => Number(v === id))),
        undefined,
        { device: 'reference' },
      );
      const factor = Math.sqrt(width);
      const looked = embedding(own, idTensor([list]), { scale: factor });
      const multiplied = scale(matmul(oneHot, other), factor);
      expectNear(looked.data, multiplied.data, 1e-14, 'lookup');
      const upstream = leaf([list.length, width], seed, 'upstream').detach();
      backward(looked, { grad: upstream.view(looked.shape) });
      backward(multiplied, { grad: upstream });
      expectNear(gradientOf(own), gradientOf(other), 1e-13, 'gradient of the table');
      for (let id = 0; id < 6; id++) {
        if (!list.includes(id)) expect(rowOf(gradientOf(own), id, width).every((g) => g === 0)).toBe(true);
      }
    }),
  );
}

/** The padding row gets no gradient, so it stays exactly 0 through updates; the others move. */
export function paddingRowStaysZero(): void {
  const table = leaf([4, 3], 1, 'table');
  table.data.fill(0, 0, 3);
  for (let step = 0; step < 20; step++) {
    table.grad = undefined;
    const vectors = embedding(table, idTensor([[0, 2, 0, 1]]), { paddingId: 0 });
    backward(sum(mul(vectors, leaf(vectors.shape, step, 'upstream').detach())));
    const gradient = gradientOf(table);
    gradient.forEach((g, i) => {
      table.data[i]! -= 0.1 * g;
    });
  }
  expect(rowOf(table.data, 0, 3)).toEqual([0, 0, 0]);
  expect(rowOf(table.data, 2, 3)).not.toEqual(rowOf(leaf([4, 3], 1, 'table').data, 2, 3));
}

/** `x Wᵀ + b` against scalar loops, also for a square weight, and its three gradients. */
export function linearEqualsLoops(): void {
  fc.assert(
    fc.property(fc.nat(), small(4), small(4), small(4), (seed, rows, inputs, outputs) => {
      const x = leaf([rows, inputs], seed, 'x');
      const [weight, bias] = [leaf([outputs, inputs], seed, 'weight'), leaf([outputs], seed, 'bias')];
      const y = linear(x, weight, bias);
      expectNear(y.data, slowLinear(x.data, weight.data, bias.data), 1e-13, 'linear');
      const upstream = leaf(y.shape, seed, 'upstream').detach();
      backward(y, { grad: upstream });
      const at = (r: number, o: number): number => upstream.data[r * outputs + o]!;
      const dWeight = new Float64Array(weight.size);
      const dBias = new Float64Array(outputs);
      const dx = new Float64Array(x.size);
      for (let r = 0; r < rows; r++) {
        for (let o = 0; o < outputs; o++) {
          dBias[o]! += at(r, o);
          for (let i = 0; i < inputs; i++) {
            dWeight[o * inputs + i]! += at(r, o) * x.data[r * inputs + i]!;
            dx[r * inputs + i]! += at(r, o) * weight.data[o * inputs + i]!;
          }
        }
      }
      expectNear(gradientOf(x), dx, 1e-13, 'gradient of x');
      expectNear(gradientOf(weight), dWeight, 1e-13, 'gradient of the weight');
      expectNear(gradientOf(bias), dBias, 1e-13, 'gradient of the bias');
    }),
  );
}

/** The formula, with an eps large enough to show where it stands, and its gradient by differences. */
export function layerNormEqualsLoops(): void {
  fc.assert(
    fc.property(fc.nat(), small(3), fc.integer({ min: 2, max: 5 }), (seed, rows, width) => {
      const [x, weight, bias] = [
        leaf([rows, width], seed, 'x'),
        leaf([width], seed, 'weight'),
        leaf([width], seed, 'bias'),
      ];
      const y = layerNorm(x, weight, bias, 0.1);
      expectNear(y.data, slowLayerNorm(x.data, weight.data, bias.data, 0.1), 1e-12, 'layer norm');
      const upstream = leaf(y.shape, seed, 'upstream').detach();
      backward(y, { grad: upstream });
      const loss = (): number =>
        Array.from(slowLayerNorm(x.data, weight.data, bias.data, 0.1)).reduce(
          (total, value, i) => total + value * upstream.data[i]!,
          0,
        );
      for (const input of [x, weight, bias]) {
        expectNear(gradientOf(input), finiteDifferences(loss, input), 1e-8, 'gradient of the layer norm');
      }
    }),
    { numRuns: 50 },
  );
}

/** Mean 0, variance 1, and no answer to `a·x + b` with a > 0; each token on its own. */
export function layerNormNormalises(): void {
  const factors = fc.constantFrom(0.01, 0.5, 3, 1000);
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 3, max: 8 }), factors, (seed, width, a) => {
      const norm = new LayerNorm(width, context(seed), 0);
      const x = leaf([1, 3, width], seed, 'x');
      const y = norm.forward(x);
      for (let t = 0; t < 3; t++) {
        const row = rowOf(y.data, t, width);
        const mean = row.reduce((m, value) => m + value / width, 0);
        const variance = row.reduce((v, value) => v + (value - mean) ** 2 / width, 0);
        expect(Math.abs(mean)).toBeLessThanOrEqual(1e-12);
        expect(Math.abs(variance - 1)).toBeLessThanOrEqual(1e-10);
        const alone = norm.forward(slice(x, 1, t, t + 1));
        expect(Array.from(alone.data), 'one token alone').toEqual(row);
      }
      expectNear(norm.forward(scale(x, a, 7)).data, y.data, 1e-9, 'after a·x + b');
    }),
  );
}

/** The exact form x·Φ(x), with Φ by numerical integration. */
export function geluIsExact(): void {
  for (let x = -4; x <= 4; x += 0.25) {
    const y = gelu(tensor([x], undefined, { device: 'reference' })).item();
    expect(Math.abs(y - x * slowNormalCdf(x)), `gelu(${x})`).toBeLessThanOrEqual(1e-12);
  }
}

/** max(0, x), with gradient 1 above 0, 0 below and 0 at 0. */
export function reluHasItsGradient(): void {
  const x = tensor([-2, -0.1, 0, 0.1, 3], undefined, { device: 'reference', requiresGrad: true });
  const y = relu(x);
  expect(y.toArray()).toEqual([0, 0, 0, 0.1, 3]);
  backward(sum(y));
  expect(Array.from(gradientOf(x), Math.abs)).toEqual([0, 0, 0, 1, 1]);
  expect(gradientOf(x).every((g) => g >= 0)).toBe(true);
}

/** Zeroed at rate p, kept values × 1/(1−p); so the mean stays, within six standard errors. */
export function dropoutKeepsTheMean(): void {
  const n = 20_000;
  for (const [i, p] of [0.1, 0.5, 0.8].entries()) {
    const y = dropout(tensor(new Float64Array(n).fill(1), [n], { device: 'reference' }), { p, key: [i, 9] });
    const kept = Array.from(y.data).filter((value) => value !== 0);
    expect(kept.every((value) => Math.abs(value - 1 / (1 - p)) < 1e-12)).toBe(true);
    expect(Math.abs(kept.length / n - (1 - p)), `share kept at p = ${p}`).toBeLessThan(
      6 * Math.sqrt((p * (1 - p)) / n),
    );
    const mean = kept.reduce((a, b) => a + b, 0) / n;
    expect(Math.abs(mean - 1)).toBeLessThan(6 * Math.sqrt(p / (1 - p) / n));
  }
}

/** The gradient passes exactly where the value did, with the same factor. */
export function dropoutGradientHasTheSameMask(): void {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.constantFrom(0.1, 0.5, 0.9), (a, b, p) => {
      const x = leaf([40], a, 'dropout');
      const y = dropout(x, { p, key: [a, b] });
      const factors = Float64Array.from(y.data, (value, i) => value / x.data[i]!);
      backward(sum(y));
      expectNear(gradientOf(x), factors, 1e-12, 'mask of the gradient');
    }),
  );
}

/** Off in evaluation; in training other elements fall at each use and each step. */
export function dropoutIsOffInEvaluation(): void {
  const layer = new Dropout(0.5);
  const x = leaf([64], 1, 'evaluation');
  expect(Array.from(layer.eval().forward(x).data)).toEqual(Array.from(x.data));
  layer.train();
  const masks = [1, 2].flatMap((step) =>
    withDropoutKeys(1, step, () => [layer.forward(x), layer.forward(x)]).map((y) =>
      Array.from(y.data, (value) => (value === 0 ? '.' : 'x')).join(''),
    ),
  );
  expect(new Set(masks).size).toBe(4);
  const again = withDropoutKeys(1, 1, () => layer.forward(x));
  expect(Array.from(again.data, (value) => (value === 0 ? '.' : 'x')).join('')).toBe(masks[0]);
}

/** A sublayer that gives 0 leaves `x` (pre-norm) or `LayerNorm(x)` (post-norm); else it is added to `x`. */
export function residualAdds(): void {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom('pre' as const, 'post' as const), (seed, placement) => {
      const options = { dModel: 4, placement, dropout: 0, normEps: 1e-5 };
      const residual = disturb(new Residual(options, context(seed)), seed);
      const x = leaf([1, 2, 4], seed, 'x');
      const normed = residual.norm.forward(x);
      const still = residual.forward(x, (y) => scale(y, 0));
      expectNear(still.data, (placement === 'pre' ? x : normed).data, 1e-14, 'zeroed sublayer');
      const doubled = residual.forward(x, (y) => scale(y, 2));
      const expected = placement === 'pre' ? add(x, scale(normed, 2)) : residual.norm.forward(scale(x, 3));
      expectNear(doubled.data, expected.data, 1e-13, 'sublayer 2x');
    }),
  );
}

/** `Norm(x + Dropout(F(x)))`: post-norm in training. */
export function postNormDropsTheSublayer(): void {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const options = { dModel: 4, placement: 'post', dropout: 0.3, normEps: 1e-5 } as const;
      const residual = disturb(new Residual(options, context(seed)), seed);
      const x = leaf([2, 3, 4], seed, 'x');
      const output = withDropoutKeys(1, 1, () => residual.forward(x, (y) => scale(y, 2)));
      const dropped = withDropoutKeys(1, 1, () => new Dropout(0.3).forward(scale(x, 2)));
      expectNear(output.data, residual.norm.forward(add(x, dropped)).data, 1e-13);
    }),
  );
}

/** `dL/dx = g + Fᵀg`: the gradient of the skip and that of the sublayer. */
export function residualPassesTheGradient(): void {
  const options = { dModel: 4, placement: 'pre', dropout: 0, normEps: 1e-5 } as const;
  const residual = new Residual(options, context(2));
  const weight = leaf([4, 4], 2, 'sublayer').detach();
  const [x, y] = [leaf([1, 2, 4], 2, 'x'), leaf([1, 2, 4], 2, 'x')];
  const upstream = leaf([1, 2, 4], 2, 'upstream').detach();
  backward(
    residual.forward(x, (z) => linear(z, weight)),
    { grad: upstream },
  );
  backward(linear(residual.norm.forward(y), weight), { grad: upstream });
  const expected = gradientOf(y).map((g, i) => g + upstream.data[i]!);
  expectNear(gradientOf(x), expected, 1e-13, 'skip and sublayer');
}

/** A position on its own gives the same vector: the network looks at no other. */
export function feedForwardIsPositionWise(): void {
  fc.assert(
    fc.property(fc.nat(), small(5), (seed, length) => {
      const network = disturb(new FeedForward({ dModel: 3, dFf: 5 }, context(seed)), seed);
      const x = leaf([1, length, 3], seed, 'x');
      const all = network.forward(x);
      for (let t = 0; t < length; t++) {
        const alone = network.forward(slice(x, 1, t, t + 1));
        expect(Array.from(alone.data)).toEqual(rowOf(all.data, t, 3));
      }
      const hidden = slowLinear(x.data, network.inner.weight.data, network.inner.bias!.data);
      const active = hidden.map((value) => Math.max(0, value));
      const expected = slowLinear(active, network.outer.weight.data, network.outer.bias!.data);
      expectNear(all.data, expected, 1e-13, 'FFN(x)');
    }),
  );
}

function positionTable(length: number, width: number): (t: number, c: number) => number {
  const layer = new SinusoidalPosition(width, length, context(0));
  const { data } = noGrad(() => layer.forward(zeros([1, length, width], { device: 'reference' })));
  return (t, c) => data[t * width + c]!;
}

/** Row 0 is 0, 1, 0, 1 …, and `PE(t + k)` is a rotation of `PE(t)` that depends on k only. */
export function sinusoidsRotate(): void {
  const [length, width] = [60, 16];
  const pe = positionTable(length, width);
  fc.assert(
    fc.property(fc.nat({ max: 29 }), fc.nat({ max: 29 }), fc.nat({ max: 7 }), (t, k, i) => {
      const [sine, cosine] = [2 * i, 2 * i + 1];
      const turned = [
        pe(t, sine) * pe(k, cosine) + pe(t, cosine) * pe(k, sine),
        pe(t, cosine) * pe(k, cosine) - pe(t, sine) * pe(k, sine),
      ];
      expectNear([pe(t + k, sine), pe(t + k, cosine)], turned, 3.6e-14, 'shift as rotation');
      expect(Math.abs(pe(t, sine) ** 2 + pe(t, cosine) ** 2 - 1)).toBeLessThanOrEqual(1e-15);
    }),
  );
  expect(Array.from({ length: width }, (_, c) => pe(0, c))).toEqual(
    Array.from({ length: width }, (_, c) => c % 2),
  );
}

/** Wavelengths from 2π to 10000·2π in a geometric series: each pair turns slower by 10000^(2/C). */
export function sinusoidsHaveTheirFrequencies(): void {
  const width = 8;
  const pe = positionTable(3, width);
  for (let i = 0; i < width / 2; i++) {
    const frequency = Math.atan2(pe(1, 2 * i), pe(1, 2 * i + 1));
    expect(Math.abs(frequency / 10_000 ** ((-2 * i) / width) - 1), `pair ${i}`).toBeLessThanOrEqual(1e-12);
  }
}
