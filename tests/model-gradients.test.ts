/**
 * The gradient of every parameter of whole models against central differences in float64, derivatives of
 * derivatives, and what the tape promises: sums at shared nodes, equal runs, one use of each graph.
 */
import { describe, expect, it } from 'vitest';
import {
  add,
  attention,
  backward,
  crossEntropy,
  gradients,
  layerNorm,
  mul,
  scale,
  softmax,
  square,
  sum,
  type Tensor,
  type TransformerConfig,
  tanh,
  tensor,
  withDropoutKeys,
} from '../src/index.ts';
import { itOnEachDevice } from './support/devices.ts';
import { DIFFERENCE_NOISE, finiteDifferences } from './support/finite-differences.ts';
import { labelCount, lossesOf, padded, tinyModel, trainOn } from './support/models.ts';
import { cosine, expectNear, gradientOf, idTensor, leaf, norm } from './support/numbers.ts';

const narrow = { dModel: 4, dFf: 5 } as const;
const dropouts = { dropout: 0.2, attentionDropout: 0.3, activationDropout: 0.25 } as const;

const models: Readonly<Record<string, { config: Partial<TransformerConfig>; labelSmoothing: number }>> = {
  'post-norm, three tables, ReLU': { config: { ...narrow, activation: 'relu' }, labelSmoothing: 0 },
  'pre-norm, all tied, label smoothing, every dropout': {
    config: { ...narrow, ...dropouts, normPlacement: 'pre', tieEmbeddings: 'all' },
    labelSmoothing: 0.1,
  },
  'post-norm, learned positions, target tied, SiLU, every dropout': {
    config: { ...narrow, ...dropouts, position: 'learned', tieEmbeddings: 'target', activation: 'silu' },
    labelSmoothing: 0.2,
  },
  'RMS norm, SwiGLU, parallel connections': {
    config: { ...narrow, norm: 'rms', feedForward: 'swiglu', normPlacement: 'pre', parallelResidual: true },
    labelSmoothing: 0,
  },
  'DeepNorm of length, batch norm before, GEGLU, stochastic depth, dropout': {
    config: {
      ...{ ...narrow, ...dropouts, normPlacement: 'deep', norm: 'scale', encoderNorm: 'batch' },
      ...{ feedForward: 'geglu', stochasticDepth: 0.3 },
    },
    labelSmoothing: 0.1,
  },
  'pre-norm, shared layers, other head widths, linear scale': {
    config: {
      ...narrow,
      normPlacement: 'pre',
      shareLayers: true,
      headDim: 3,
      valueDim: 1,
      attentionScale: 'linear',
    },
    labelSmoothing: 0,
  },
};

/** Largest difference beyond the noise of the differences, relative to the larger of the two values. */
function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((worst, value, i) => {
    const size = Math.max(Math.abs(value), Math.abs(b[i]!));
    const beyondNoise = Math.max(0, Math.abs(value - b[i]!) - DIFFERENCE_NOISE);
    return size === 0 ? worst : Math.max(worst, beyondNoise / size);
  }, 0);
}

describe('every parameter of a 2+2-layer model', () => {
  it.each(Object.entries(models))('%s', (_, { config, labelSmoothing }) => {
    const model = tinyModel({ ...config, maxSeqLen: 5 });
    const step = <T>(body: () => T): T => withDropoutKeys(7, 11, body);
    const analytic = step(() => trainOn(model, padded, labelSmoothing)).gradients;
    const loss = (): number => {
      const { data } = step(() => lossesOf(model, padded, labelSmoothing));
      return Array.from(data).reduce((total, value) => total + value, 0) / labelCount(padded);
    };
    const [all, numeric]: [number[], number[]] = [[], []];
    for (const [path, parameter] of model.namedParameters()) {
      const slopes = finiteDifferences(loss, parameter);
      const found = analytic.get(path) ?? new Float64Array(slopes.length);
      expect(relativeError(found, slopes), path).toBeLessThanOrEqual(1e-5);
      all.push(...found);
      numeric.push(...slopes);
    }
    expect(all.length).toBe(model.numParameters);
    expect(cosine(all, numeric)).toBeGreaterThanOrEqual(1 - 1e-9);
    expect(Math.abs(norm(all) / norm(numeric) - 1)).toBeLessThanOrEqual(1e-6);
  });
});

type Scalar = (...leaves: Tensor[]) => Tensor;

const functions: Readonly<Record<string, { shapes: number[][]; f: Scalar }>> = {
  'tanh of a product': { shapes: [[3], [3]], f: (x, w) => sum(tanh(mul(square(x!), w!))) },
  softmax: { shapes: [[2, 3]], f: (x) => sum(square(softmax(x!))) },
  'layer norm': {
    shapes: [[2, 3], [3], [3]],
    f: (x, w, b) => sum(tanh(layerNorm(x!, w!, b!, 0.1))),
  },
  'cross-entropy with smoothing': {
    shapes: [[2, 4]],
    f: (x) =>
      sum(square(crossEntropy(x!, idTensor([[1, 3]], x!.device.name).view([2]), { labelSmoothing: 0.1 }))),
  },
  'causal attention of two heads': {
    shapes: [
      [1, 3, 4],
      [1, 3, 4],
      [1, 3, 4],
    ],
    f: (q, k, v) => sum(square(attention(q!, k!, v!, null, { numHeads: 2, causal: true }))),
  },
};

const EPS = 1e-5;

/** The gradients of f at `leaves + step · directions`. */
function shiftedGradients(
  f: Scalar,
  leaves: readonly Tensor[],
  directions: readonly Tensor[],
  step: number,
): Float64Array[] {
  const moved = leaves.map((x, i) => {
    const values = Float64Array.from(x.data, (value, j) => value + step * directions[i]!.data[j]!);
    return tensor(values, x.shape, { device: x.device, requiresGrad: true });
  });
  return gradients(f(...moved), moved).map((g) => Float64Array.from(g!.data));
}

describe('derivatives of derivatives through createGraph', () => {
  it.each(Object.entries(functions))('%s', (_, { shapes, f }) => {
    const leaves = shapes.map((shape, i) => leaf(shape, i, 'second order'));
    const directions = shapes.map((shape, i) => leaf(shape, i, 'direction').detach());
    // Σ g · v, whose gradient is the Hessian times v.
    const slope = (createGraph: boolean): Tensor => {
      const found = gradients(f(...leaves), leaves, { createGraph });
      return found.map((g, i) => sum(mul(g!, directions[i]!))).reduce((a, b) => add(a, b));
    };
    const analytic = gradients(slope(true), leaves);
    const [above, below] = [1, -1].map((sign) => shiftedGradients(f, leaves, directions, sign * EPS));
    leaves.forEach((_leaf, i) => {
      const numeric = above![i]!.map((value, j) => (value - below![i]![j]!) / (2 * EPS));
      expectNear(analytic[i]!.data, numeric, 1e-8, `Hessian · v, leaf ${i}`);
    });
  });

  it('is exact for a cubic: the second derivative of x³ is 6x', () => {
    const x = leaf([4], 1, 'cubic');
    const expectEach = (found: Tensor, f: (v: number) => number): void =>
      expectNear(found.data, Float64Array.from(x.data, f), 1e-14);
    const [first] = gradients(sum(mul(x, square(x))), [x], { createGraph: true });
    expectEach(first!, (v) => 3 * v * v);
    const [second] = gradients(sum(first!), [x], { createGraph: true });
    expectEach(second!, (v) => 6 * v);
    const [third] = gradients(sum(second!), [x]);
    expectEach(third!, () => 6);
  });
});

describe('the tape', () => {
  itOnEachDevice('a node that is used twice gets the sum of both gradients', (device) => {
    const x = leaf([5], 2, 'shared', device);
    const shared = square(x);
    backward(sum(add(scale(shared, 3), mul(shared, shared))));
    const expected = Float64Array.from(x.data, (v) => 6 * v + 4 * v ** 3);
    expectNear(gradientOf(x), expected, device === 'reference' ? 1e-14 : 1e-6);
  });

  itOnEachDevice('one tensor in every place of an op gets the sum of all', (device) => {
    const x = leaf([1, 3, 4], 3, 'everywhere', device);
    const copies = [x, x, x].map((one) => {
      const copy = one.detach();
      copy.requiresGrad = true;
      return copy;
    }) as [Tensor, Tensor, Tensor];
    backward(sum(square(attention(x, x, x, null, { numHeads: 2 }))));
    backward(sum(square(attention(...copies, null, { numHeads: 2 }))));
    const total = copies.map(gradientOf).reduce((a, b) => a.map((v, i) => v + b[i]!));
    expectNear(gradientOf(x), total, device === 'reference' ? 1e-14 : 1e-5);
  });

  itOnEachDevice('a second run after zeroGrad gives the same bits', (device) => {
    const model = tinyModel(dropouts, device);
    const run = () => withDropoutKeys(1, 2, () => trainOn(model, padded, 0.1));
    const [first, second] = [run(), run()];
    expect(second.loss).toBe(first.loss);
    expect(second.gradients).toEqual(first.gradients);
  });

  itOnEachDevice('two backward passes without zeroGrad add up', (device) => {
    const x = leaf([4], 5, 'twice', device);
    backward(sum(square(x)));
    const once = gradientOf(x);
    backward(sum(square(x)));
    expect(Array.from(gradientOf(x))).toEqual(Array.from(once, (v) => 2 * v));
  });
});
