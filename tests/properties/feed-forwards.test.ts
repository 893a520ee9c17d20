/** Gated networks, mixtures of experts, parallel connections and stochastic depth. */
import { describe, expect, it } from 'vitest';
import {
  backward,
  ConfigError,
  collectAuxiliary,
  countOps,
  type FeedForwardChoice,
  feedForwards,
  type MixtureOfExperts,
  noGrad,
  quantize,
  Random,
  scope,
  Transformer,
  type TransformerConfig,
  withDropoutKeys,
} from '../../src/index.ts';
import { DecoderLayer } from '../../src/models/layers.ts';
import { makeBatch, Seq2SeqObjective } from '../../src/train/seq2seq.ts';
import {
  balanceLossEqualsLoops,
  fullExpertsDropTokens,
  gatedNetworksEqualLoops,
  mixture,
  mixtureEqualsLoops,
  stochasticDepthKeepsTheMean,
} from '../support/checks/blocks.ts';
import { packedEqualsAlone, parametersMove } from '../support/checks/mechanisms.ts';
import { futureChangesNothing, paddingChangesNothing, stepsEqualDecode } from '../support/checks/model.ts';
import { needDevice } from '../support/devices.ts';
import { finiteDifferences } from '../support/finite-differences.ts';
import { gradientsOf, logitsOf, padded, tinyModel, trainOn } from '../support/models.ts';
import { cosine, expectNear, gradientOf, leaf } from '../support/numbers.ts';
import {
  encodePairs,
  letterTokenizers,
  reversedStrings,
  tinyTransformer,
} from '../support/reversed-strings.ts';

const choices: readonly FeedForwardChoice[] = [
  ...(Object.keys(feedForwards) as (keyof typeof feedForwards)[]),
  { kind: 'swiglu', bias: true },
  { kind: 'moe', experts: 3, topK: 1, expert: 'swiglu' },
  { kind: 'moe', experts: 2, topK: 2, capacityFactor: 0.5 },
];
const configs: readonly Partial<TransformerConfig>[] = [
  ...choices.map((feedForward) => ({ feedForward })),
  { parallelResidual: true },
  { parallelResidual: true, normPlacement: 'pre' },
];
const named = configs.map((config) => [JSON.stringify(config), config] as const);

describe.each(named)('a model with %s', (_, config) => {
  it('is the same with more padding, in outputs and gradients (F1)', () =>
    paddingChangesNothing('reference', [config]));
  it('sees no later token (F2)', () => futureChangesNothing('reference', [config]));
  it('says with caches what it says in one pass (K5)', () => stepsEqualDecode('reference', [config]));
  it('gives packed sequences the losses that they have alone, on every device', (context) =>
    packedEqualsAlone(context, config));
  it('moves every parameter that a token reached', () => {
    parametersMove(config, /feedForward|Residual/);
  });
});

describe('gated networks (Shazeer 2020)', () => {
  it('equal the loops', gatedNetworksEqualLoops);

  it('with two thirds of the width have as many parameters as an ungated one', () => {
    const count = (feedForward: FeedForwardChoice, dFf: number): number =>
      tinyModel({ feedForward, dFf }).encoder.layers[0]!.feedForward.numParameters;
    expect(count('swiglu', 16)).toBe(count('mlp', 24) - 24 - 8); // but for the biases
  });
});

describe('a mixture of experts', () => {
  it('gives each token its best experts', mixtureEqualsLoops);
  it('drops what a full expert cannot take, and counts it', fullExpertsDropTokens);
  it('adds the loss that spreads tokens evenly', balanceLossEqualsLoops);

  it('has the gradient of its output and its balance loss', () => {
    const moe = mixture({ experts: 3, capacityFactor: 1 });
    const x = leaf([1, 5, 4], 3, 'x');
    const run = () => {
      const { result, auxiliary } = collectAuxiliary(() => moe.forward(x));
      return { result, loss: auxiliary.losses[0]! };
    };
    const value = (): number => {
      const { result, loss } = run();
      return Array.from(result.data, (y, i) => y * Math.cos(i)).reduce((a, b) => a + b, loss.item());
    };
    const { result, loss } = run();
    const upstream = leaf(result.shape, 1, 'upstream').detach();
    upstream.data.forEach((_, i) => {
      upstream.data[i] = Math.cos(i);
    });
    backward(result, { grad: upstream, retain: true });
    backward(loss);
    expectNear(gradientOf(x), finiteDifferences(value, x), 1e-7, 'x');
    for (const [path, parameter] of moe.namedParameters()) {
      const slopes = finiteDifferences(value, parameter);
      expectNear(
        parameter.grad ? gradientOf(parameter) : new Float64Array(slopes.length),
        slopes,
        1e-7,
        path,
      );
    }
  });

  it('computes k experts for each token, not all of them', () => {
    const flops = (experts: number, topK: number): number => {
      const moe = mixture({ experts, topK }).eval();
      const { counts } = countOps(() => noGrad(() => moe.forward(leaf([1, 16, 4], 2, 'x'))));
      return counts.ops.get('matmul')!.flops - 2 * 16 * 4 * experts; // but for the router
    };
    expect(flops(8, 1)).toBe(flops(2, 1));
    expect(flops(8, 3)).toBe(3 * flops(8, 1));
  });

  it('learns through its loss to spread tokens, and the training sums say how it went', () => {
    const tokenizers = letterTokenizers();
    const pairs = encodePairs(reversedStrings(12, { seed: 4 }), tokenizers);
    const batch = makeBatch(pairs, tokenizers);
    const trained = (balance: number): { before: number; after: number; dropped: number } => {
      const feedForward = { kind: 'moe', experts: 4, topK: 1, capacityFactor: 1, balance } as const;
      const model = tinyTransformer({}, { feedForward });
      const objective = new Seq2SeqObjective(model, { padId: 0, labelSmoothing: 0 });
      const found: number[] = [];
      let dropped = 0;
      for (let step = 0; step < 12; step++) {
        const { measures } = objective.trainOn(batch, batch.targetTokens);
        found.push(measures.balanceLoss!.total / measures.balanceLoss!.count);
        dropped = measures.droppedTokens!.total;
        for (const { data, grad } of model.parameters())
          if (grad) for (let i = 0; i < data.length; i++) data[i]! -= 0.3 * grad.data[i]!;
        model.zeroGrad();
      }
      return { before: found[0]!, after: found.at(-1)!, dropped };
    };
    const { before, after, dropped } = trained(0.2);
    expect(before).toBeGreaterThan(1);
    expect(after).toBeLessThan(before);
    expect(dropped).toBeGreaterThan(0);
    expect(after).toBeLessThan(trained(0).after);
  });

  it('says nothing to a model without experts: no further losses or measures', () => {
    const tokenizers = letterTokenizers();
    const batch = makeBatch(encodePairs(reversedStrings(3), tokenizers), tokenizers);
    const objective = new Seq2SeqObjective(tinyTransformer(), { padId: 0, labelSmoothing: 0 });
    expect(objective.trainOn(batch, batch.targetTokens).measures).toEqual({});
  });

  it('is quantised but for its router', () => {
    const wide = { dModel: 32, dFf: 64, feedForward: { kind: 'moe', experts: 2, topK: 1 } } as const;
    const logits = (model: Transformer) =>
      noGrad(() => scope(() => Float64Array.from(logitsOf(model, padded).data)));
    const model = tinyModel(wide).eval();
    const before = logits(model);
    quantize(model, { dtype: 'int8' });
    const moe = model.encoder.layers[0]!.feedForward as MixtureOfExperts;
    expect(moe.router.isFreed).toBe(false);
    expect(
      moe.experts.every((expert) => [...expert.stateDict().keys()].some((path) => path.endsWith('codes'))),
    ).toBe(true);
    expect(cosine(logits(model), before)).toBeGreaterThan(0.99);
  });
});

describe('parallel residual connections (GPT-J)', () => {
  it('add all sublayers of a layer to the same normed input', () => {
    const model = tinyModel({ parallelResidual: true, normPlacement: 'pre' }).eval();
    const layer = model.decoder.layers[0]!;
    expect(layer).toBeInstanceOf(DecoderLayer);
    const [x, memory] = [leaf([1, 3, 8], 1, 'x'), leaf([1, 2, 8], 1, 'memory')];
    const normed = layer.selfAttentionResidual.norm.forward(x);
    const parts = [
      layer.selfAttention.forward(normed, normed, { causal: true }),
      layer.crossAttention.forward(normed, memory),
      layer.feedForward.forward(normed),
    ];
    const expected = Float64Array.from(x.data, (value, i) =>
      parts.reduce((t, { data }) => t + data[i]!, value),
    );
    const pass = { mask: null, position: null, branchScale: 1 };
    expectNear(layer.forward(x, memory, null, pass).data, expected, 1e-13, 'layer');
  });
});

describe('stochastic depth (Huang et al. 2016)', () => {
  it('leaves layers out at rates that rise, and keeps the mean', stochasticDepthKeepsTheMean);

  const stochastic = { stochasticDepth: 0.6, numEncoderLayers: 3, numDecoderLayers: 3 } as const;

  it('changes nothing in evaluation, and follows the step in training', () => {
    const [model, plain] = [tinyModel(stochastic), tinyModel({ ...stochastic, stochasticDepth: 0 })];
    const run = (one: Transformer, step: number) =>
      withDropoutKeys(1, step, () =>
        noGrad(() => scope(() => Array.from(logitsOf(one, padded).data))),
      ).join();
    expect(run(model.eval(), 1)).toBe(run(plain.eval(), 1));
    model.train();
    expect(run(model, 4)).toBe(run(model, 4));
    expect(new Set([1, 2, 3, 4, 5, 6, 7, 8].map((step) => run(model, step))).size).toBeGreaterThan(3);
  });

  it('gives a layer that was left out no gradient', () => {
    const model = tinyModel(stochastic);
    const seen = new Set<number>();
    for (let step = 0; step < 8; step++) {
      withDropoutKeys(3, step, () => trainOn(model, padded));
      const layers = [0, 1, 2].filter((l) =>
        [...gradientsOf(model).keys()].some((path) => path.startsWith(`decoder.layers.${l}.`)),
      );
      seen.add(layers.length);
    }
    expect(seen.size).toBeGreaterThan(1);
  });
});

describe('the fused decoder', () => {
  const batch = { ids: Int32Array.of(3, 5), mask: Uint8Array.of(1, 1), batch: 1, length: 2 };
  const others: readonly Partial<TransformerConfig>[] = [
    { norm: 'scale' },
    { decoderNorm: 'batch' },
    { normPlacement: 'deep' },
    { parallelResidual: true },
    { feedForward: 'moe', norm: 'rms' },
    { feedForward: 'moe' },
  ];
  it.for(others.map((config) => [JSON.stringify(config), config] as const))(
    'gives way to the layers one by one with %s',
    ([, config], context) => {
      needDevice(context, 'native');
      const state = noGrad(() => scope(() => tinyModel(config, 'native').eval().decodingOf(batch, 4, 2)));
      expect([typeof state.best, typeof state.step]).toEqual(['undefined', 'function']);
      state.dispose();
    },
  );
  it('knows a model that differs in training and in the encoder only', (context) => {
    needDevice(context, 'native');
    const model = tinyModel({ stochasticDepth: 0.5, encoderNorm: 'rms' }, 'native').eval();
    const state = noGrad(() => scope(() => model.decodingOf(batch, 4, 2)));
    expect(typeof state.best).toBe('function');
    state.dispose();
  });
});

describe('choices that cannot be used', () => {
  const make = (feedForward: unknown): (() => Transformer) => {
    const sizes = { sourceVocabSize: 9, targetVocabSize: 9, dModel: 8, dFf: 8, numHeads: 2 };
    return () =>
      new Transformer(
        { ...sizes, feedForward: feedForward as FeedForwardChoice },
        { random: new Random(1, 'x') },
      );
  };
  it.each([
    ['swigul', 'did you mean "swiglu"?'],
    [{ kind: 'moe', experts: 2, topK: 3 }, 'feedForward: moe: expected topK of at most experts (2), got 3'],
    [{ kind: 'moe', experts: 1 }, 'feedForward.experts: expected a whole number of at least 2, got 1'],
    [{ kind: 'moe', topK: 0 }, 'feedForward.topK: expected a whole number of at least 1, got 0'],
    [{ kind: 'moe', capacityFactor: 0 }, 'feedForward.capacityFactor: expected a number above 0, got 0'],
    [{ kind: 'moe', balance: -1 }, 'feedForward.balance: expected a number of at least 0, got -1'],
    [{ kind: 'moe', expert: 'moe' }, 'feedForward.expert: expected one of mlp, bilinear, glu'],
    [{ kind: 'geglu', biass: true }, 'feedForward.biass: unknown option; did you mean "bias"?'],
  ])('%j: %s', (choice, message) => {
    expect(make(choice)).toThrow(ConfigError);
    expect(make(choice)).toThrow(message);
  });
});
