/** Sublayers: inventory A2, A4, A5, H1–H3, H6, H8–H10, g8, g13. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  argmax,
  backward,
  dropoutResidual,
  dropoutResidualNorm,
  layerNorm,
  matmul,
  noGrad,
  Random,
  softmax,
  type Tensor,
  Transformer,
  type TransformerConfig,
} from '../../src/index.ts';
import {
  dropoutGradientHasTheSameMask,
  dropoutIsOffInEvaluation,
  dropoutKeepsTheMean,
  feedForwardIsPositionWise,
  geluIsExact,
  layerNormEqualsLoops,
  layerNormNormalises,
  linearEqualsLoops,
  postNormDropsTheSublayer,
  reluHasItsGradient,
  residualAdds,
  residualPassesTheGradient,
} from '../support/checks/layers.ts';
import { layersHaveTheirOwnParameters, sharedGradientIsTheSum } from '../support/checks/model.ts';
import { itOnEachDevice, needDevice } from '../support/devices.ts';
import { logitsOf, padded, tinyModel, trainOn } from '../support/models.ts';
import { expectNear, gradientOf, leaf, norm, rowOf } from '../support/numbers.ts';
import {
  encodePairs,
  letterTokenizers,
  reversedStrings,
  tinyTransformer,
} from '../support/reversed-strings.ts';
import { slowProduct } from '../support/slow.ts';
import { meanLoss, trainOnPairs } from '../support/train-pairs.ts';

type Four = [Tensor, Tensor, Tensor, Tensor];

const small = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most });

describe('products', () => {
  itOnEachDevice('equal a triple loop for odd sizes, transposes and batches (A2)', (device) => {
    fc.assert(
      fc.property(
        fc.nat(),
        small(19),
        small(19),
        small(19),
        small(3),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (seed, m, k, n, batch, transposeA, transposeB, shared) => {
          const a = leaf([batch, ...(transposeA ? [k, m] : [m, k])], seed, 'a', device);
          const b = leaf([...(shared ? [] : [batch]), ...(transposeB ? [n, k] : [k, n])], seed, 'b', device);
          const product = matmul(a, b, { transposeA, transposeB });
          expect(product.shape).toEqual([batch, m, n]);
          for (let i = 0; i < batch; i++) {
            const [atA, atB] = [i * m * k, shared ? 0 : i * k * n];
            const expected = slowProduct(
              (row, p) => a.data[atA + (transposeA ? p * m + row : row * k + p)]!,
              (p, column) => b.data[atB + (transposeB ? column * k + p : p * n + column)]!,
              [m, k, n],
            );
            const own = Array.from(product.data).slice(i * m * n, (i + 1) * m * n);
            expectNear(own, expected, device === 'reference' ? 1e-13 : 1e-5);
          }
        },
      ),
    );
  });

  it('x Wᵀ + b equals the loops, with its gradients (A4)', linearEqualsLoops);
});

describe('activations (A5)', () => {
  it('GELU is x Φ(x)', geluIsExact);
  it('ReLU has gradient 0 up to 0', reluHasItsGradient);
});

describe('feed-forward, residual, norm', () => {
  it('FFN: each position for itself, W₂ max(0, W₁x + b₁) + b₂ (H1)', feedForwardIsPositionWise);
  it('residual: x + F(x), the identity or the norm when F is 0 (H2)', residualAdds);
  it('residual: the norm of x + Dropout(F(x)) in training', postNormDropsTheSublayer);
  it('residual: dL/dx = g + Fᵀg (H2, g8)', residualPassesTheGradient);
  it('layer norm: the formula and its gradient (H3)', layerNormEqualsLoops);
  it('layer norm: mean 0, variance 1, blind to a·x + b, each token alone (H3, g13)', layerNormNormalises);

  itOnEachDevice('dropout, residual and norm at once have the bits of one after the other', (device) => {
    const dropping = { p: 0.3, key: [3, 4] as const };
    const passes = [
      (x: Tensor, y: Tensor, w: Tensor, b: Tensor) =>
        dropoutResidualNorm(x, y, w, b, { ...dropping, eps: 1e-5 }),
      (x: Tensor, y: Tensor, w: Tensor, b: Tensor) =>
        layerNorm(dropoutResidual(x, null, y, dropping), w, b, 1e-5),
    ];
    const [together, apart] = passes.map((pass) => {
      const shapes = [[70, 37], [70, 37], [37], [37]];
      const [x, y, w, b] = shapes.map((shape, i) => leaf(shape, i, 'operand', device)) as Four;
      const output = pass(x, y, w, b);
      backward(output, { grad: leaf([70, 37], 9, 'upstream', device).detach() });
      return [output.data, ...[x, y, w, b].map(gradientOf)].map((values) => Array.from(values));
    });
    expect(together).toEqual(apart);
  });
});

describe('dropout (H8)', () => {
  it('keeps the expectation', dropoutKeepsTheMean);
  it('is off in evaluation, and new at each use and step', dropoutIsOffInEvaluation);
  it('has the same mask forward and backward', dropoutGradientHasTheSameMask);

  itOnEachDevice('of a whole model: evaluation repeats, training varies with the step', (device) => {
    const model = tinyModel({ dropout: 0.3, attentionDropout: 0.2, activationDropout: 0.2 }, device);
    const run = () => noGrad(() => Array.from(logitsOf(model, padded).data));
    model.eval();
    expect(run()).toEqual(run());
    const evaluated = run();
    expect(model.train() && run()).not.toEqual(evaluated);
  });
});

describe('output layer (H9)', () => {
  itOnEachDevice('logits of every position give a distribution whose mode is argmax', (device) => {
    const logits = noGrad(() => logitsOf(tinyModel({}, device), padded));
    expect(logits.shape).toEqual([2, 3, 9]);
    const [probs, best] = [softmax(logits), argmax(logits)];
    for (let row = 0; row < 6; row++) {
      const own = rowOf(probs.data, row, 9);
      expect(Math.abs(own.reduce((a, b) => a + b, 0) - 1)).toBeLessThan(1e-6);
      expect(own.indexOf(Math.max(...own))).toBe(best.data[row]);
    }
  });
});

describe('layers (H10)', () => {
  it('unshared have gradients of their own, shared ones are counted once', layersHaveTheirOwnParameters);
  it('shared get the sum of the gradients of their places', sharedGradientIsTheSum);
});

/** Norms of the feed-forward gradients of the first and the last decoder layer at the start, averaged over seeds. */
function gradientsByDepth(
  normPlacement: 'pre' | 'post',
  numDecoderLayers: number,
): { first: number; last: number } {
  const config: Partial<TransformerConfig> = { normPlacement, numEncoderLayers: 1, numDecoderLayers };
  const seeds = [1, 2, 3, 4, 5];
  const total = { first: 0, last: 0 };
  for (const seed of seeds) {
    const model = new Transformer(
      { sourceVocabSize: 9, targetVocabSize: 9, dModel: 16, dFf: 32, numHeads: 4, dropout: 0, ...config },
      { random: new Random(seed, 'depth'), device: 'reference' },
    );
    const { gradients } = trainOn(model, padded);
    const at = (layer: number): number =>
      norm(gradients.get(`decoder.layers.${layer}.feedForward.outer.weight`)!) / seeds.length;
    total.first += at(0);
    total.last += at(numDecoderLayers - 1);
  }
  return total;
}

describe('placement of the norm (H6)', () => {
  // Xiong et al. 2020, theorem 1: the last layer's gradient is O(1) in depth with post-norm, O(1/√L) with pre-norm.
  it('pre-norm shrinks the last layer’s gradient as 1/√L, post-norm keeps it and starves the first layer', () => {
    const [shallow, deep] = [2, 24];
    const pre = [gradientsByDepth('pre', shallow), gradientsByDepth('pre', deep)] as const;
    const post = [gradientsByDepth('post', shallow), gradientsByDepth('post', deep)] as const;
    const expected = Math.sqrt(shallow / deep); // 0.29
    expect(pre[1].last / pre[0].last).toBeGreaterThan(expected / 1.7);
    expect(pre[1].last / pre[0].last).toBeLessThan(expected * 1.7);
    expect(post[1].last / post[0].last).toBeGreaterThan(0.6);
    expect(post[1].last / post[0].last).toBeLessThan(1.7);
    expect(post[1].first / post[1].last).toBeLessThan(0.05);
    expect(pre[1].first / pre[1].last).toBeGreaterThan(1);
  });
});

describe('training with warm-up (H6)', () => {
  it.for(['post', 'pre'] as const)(
    'brings %s-norm far below chance, whatever the seed',
    (normPlacement, context) => {
      needDevice(context, 'native');
      const tokenizers = letterTokenizers();
      const pairs = encodePairs(reversedStrings(600, { seed: 5, shortest: 1, longest: 4 }), tokenizers);
      // A letter of eight, or the end after one of four letters: without the source a model cannot do better.
      const chance = marginalEntropy(pairs.map(({ target }) => [...target, -1]));
      for (const seed of [1, 2, 3]) {
        const sizes = {
          dModel: 32,
          dFf: 64,
          numHeads: 4,
          numEncoderLayers: 2,
          numDecoderLayers: 2,
          normPlacement,
        };
        const model = tinyTransformer({ device: 'native', seed }, sizes);
        const training = { learningRate: 0.004, training: { seed } };
        trainOnPairs(model, pairs, tokenizers, 250, training);
        const loss = meanLoss(model, pairs, tokenizers);
        expect(loss, `seed ${seed}: ${loss} nats, ${chance} by chance`).toBeLessThan(chance / 4);
      }
    },
  );
});

/** Mean −log of the share of each token among all, nats. */
function marginalEntropy(rows: readonly (readonly number[])[]): number {
  const tokens = rows.flat();
  const counts = new Map<number, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  return [...counts.values()].reduce(
    (total, n) => total - (n / tokens.length) * Math.log(n / tokens.length),
    0,
  );
}

describe('the base model of the paper (I3)', () => {
  it('has 63,082,496 parameters at a shared vocabulary of 37,000', () => {
    class Zeros extends Random {
      override normal(): number {
        return 0;
      }
      override uniform(): number {
        return 0;
      }
    }
    // One layer of each kind is enough to count six: unshared ones have as many each (H10).
    const model = new Transformer(
      { sourceVocabSize: 37_000, targetVocabSize: 37_000, tieEmbeddings: 'all', shareLayers: true },
      { random: new Zeros(0, 'count') },
    );
    const { encoder, decoder, sourceEmbedding } = model;
    const total = 6 * (encoder.numParameters + decoder.numParameters) + sourceEmbedding.numParameters;
    expect(total).toBe(63_082_496);
    expect([encoder.layers.length, decoder.layers.length]).toEqual([6, 6]);
    for (const parameter of model.parameters()) parameter.dispose();
  });
});
