/** Kinds of norms and their placement: inventory H4–H7. */
import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  Gpt,
  LayerNorm,
  type NormChoice,
  noGrad,
  Random,
  RmsNorm,
  readSafetensors,
  SentenceNorm,
  scope,
  type Tensor,
  Transformer,
  type TransformerConfig,
  tensor,
  writeSafetensors,
} from '../../src/index.ts';
import { paddingMask } from '../../src/nn/attention/masks.ts';
import {
  batchNormLeavesPaddingOut,
  deepNormScalesTheInput,
  rmsNormEqualsLoops,
  scaleNormGivesOneLength,
  sentenceNormEqualsLoops,
} from '../support/checks/blocks.ts';
import { packedEqualsAlone, parametersMove } from '../support/checks/mechanisms.ts';
import { futureChangesNothing, paddingChangesNothing, stepsEqualDecode } from '../support/checks/model.ts';
import { itOnEachDevice, roundingOf } from '../support/devices.ts';
import { gptLogits, tinyGpt } from '../support/gpts.ts';
import { logitsOf, padded, tinyModel, trainOn } from '../support/models.ts';
import { expectNear, idTensor, largestDifference, leaf, norm, rowOf } from '../support/numbers.ts';
import { titled } from '../support/titled.ts';

const cumulative = { kind: 'batch', statistics: 'cumulative' } as const;
const configs: readonly Partial<TransformerConfig>[] = [
  { norm: 'rms', normPlacement: 'pre' },
  { norm: 'rms', encoderNorm: 'layer' },
  { norm: 'scale' },
  { norm: 'scale', normPlacement: 'pre' },
  { norm: 'batch', normPlacement: 'pre' },
  { norm: cumulative },
  { encoderNorm: 'sentence' },
  { normPlacement: 'deep' },
  { normPlacement: 'deep', norm: 'rms' },
];
const rows = { batch: 'H4', sentence: 'H5', rms: 'H7' };
const named = configs.map((config) => [titled(config, rows), config] as const);

describe.each(named)('a model with %s', (_, config) => {
  const isBatch = JSON.stringify(config).includes('batch');
  it('is the same with more padding, in outputs and gradients (F1)', () =>
    paddingChangesNothing('reference', [config]));
  // In training a batch's statistics know its later tokens; see below.
  if (!isBatch) it('sees no later token (F2)', () => futureChangesNothing('reference', [config]));
  it('says with caches what it says in one pass (K5)', () => stepsEqualDecode('reference', [config]));
  it('gives packed sequences the losses that they have alone, on every device', (context) =>
    packedEqualsAlone(context, config));
  it('moves every parameter of its norms', () => parametersMove(config, /[nN]orm\./));
});

describe('batch norm (H4)', () => {
  it('in training normalises over the tokens of the batch', batchNormLeavesPaddingOut);

  const logits = (model: Transformer, source: number[][], target: number[][]): number[] =>
    noGrad(() => scope(() => Array.from(logitsOf(model, { source, target }).data)));

  it('differs between training and evaluation, and learns nothing in evaluation', () => {
    const model = tinyModel({ norm: 'batch' });
    const [source, target] = [padded.source, padded.target] as unknown as [number[][], number[][]];
    const trained = logits(model, source, target);
    const before = model
      .stateDict()
      .get('encoder.layers.0.feedForwardResidual.norm.runningMean')!
      .data.slice();
    const evaluated = logits(model.eval(), source, target);
    expect(largestDifference(trained, evaluated)).toBeGreaterThan(0.01);
    const after = model.stateDict().get('encoder.layers.0.feedForwardResidual.norm.runningMean')!.data;
    expect([...after]).toEqual([...before]);
  });

  it('in training changes with batch mates and later tokens, where layer norm does not; in evaluation neither', () => {
    const first = { source: [3, 5, 4], target: [1, 6, 4] };
    const change = (norm: NormChoice, training: boolean, mates: number[][], own = first.target): number[] => {
      const model = tinyModel({ norm }).train(training);
      return logits(model, [first.source, mates[0]!], [own, mates[1]!]).slice(0, 18); // first two tokens
    };
    const mates = [
      [
        [7, 2, 6],
        [1, 3, 8],
      ],
      [
        [8, 8, 3],
        [1, 7, 7],
      ],
    ];
    const differences = (norm: NormChoice, training: boolean): number[] => {
      const one = change(norm, training, mates[0]!);
      return [
        largestDifference(one, change(norm, training, mates[1]!)),
        largestDifference(one, change(norm, training, mates[0]!, [1, 6, 8])),
      ];
    };
    expect(differences('layer', true)).toEqual([0, 0]);
    expect(differences('batch', false)).toEqual([0, 0]);
    for (const difference of differences('batch', true)) expect(difference).toBeGreaterThan(0.01);
  });

  it('keeps its running statistics in files', () => {
    const model = tinyModel({ norm: cumulative });
    trainOn(model, padded);
    trainOn(model, padded);
    const { tensors } = readSafetensors(writeSafetensors(model.stateDict()));
    const statistics = [...tensors].filter(([name]) => /running|batches/.test(name));
    expect(statistics).toHaveLength(3 * (2 * 2 + 2 * 3));
    expect([...statistics.find(([name]) => name.endsWith('batches'))![1].data]).toEqual([2]);
    const copy = tinyModel({ norm: cumulative }, 'reference', 8).eval();
    copy.loadStateDict(tensors);
    const run = (one: Transformer) => Array.from(noGrad(() => logitsOf(one, padded)).data);
    expect(run(copy)).toEqual(run(model.eval()));
  });
});

describe('a norm over all words of a sentence (H5)', () => {
  it('equals the loops, padded and packed', sentenceNormEqualsLoops);

  it('is not layer norm: it keeps the differences between words, and pads shift it where they are counted', () => {
    const context = { random: new Random(1, 'sentence'), device: 'reference' };
    const [sentence, layer] = [new SentenceNorm(8, context), new LayerNorm(8, context)];
    const x = leaf([1, 10, 8], 1, 'x').detach();
    for (let i = 0; i < 4 * 8; i++) x.data[i]! *= 3; // some words are larger than others
    x.data.fill(0, 4 * 8); // six pads
    const four = (y: Tensor): number[] => Array.from(y.data).slice(0, 4 * 8);
    const mask = paddingMask(
      Array.from({ length: 10 }, (_, t) => t < 4),
      1,
      10,
      { device: x.device },
    );
    const [alone, counted] = [four(sentence.forward(x, mask)), four(sentence.forward(x))];
    expect(largestDifference(alone, four(layer.forward(x)))).toBeGreaterThan(0.5);
    expect(largestDifference(alone, counted)).toBeGreaterThan(0.5);
  });
});

describe('RMS norm (H7)', () => {
  it('equals the loops', rmsNormEqualsLoops);

  itOnEachDevice('is layer norm where the mean of a row is 0, and is not elsewhere', (device) => {
    const [rows, width] = [6, 12];
    const context = { random: new Random(1, 'norms'), device };
    const [rms, layer] = [new RmsNorm(width, context), new LayerNorm(width, context)];
    const gain = leaf([width], 2, 'gain').data;
    for (const { weight } of [rms, layer]) weight.data.set(gain);
    const x = leaf([1, rows, width], 3, 'x').data;
    const centred = Float64Array.from(x, (value, i) => {
      const row = rowOf(x, Math.floor(i / width), width);
      return value - row.reduce((a, b) => a + b, 0) / width;
    });
    const both = (values: ArrayLike<number>) =>
      [rms, layer].map((one) =>
        noGrad(() => Float64Array.from(one.forward(tensor(values, [1, rows, width], { device })).data)),
      ) as [Float64Array, Float64Array];
    expectNear(...both(centred), roundingOf(device), 'centred rows');
    expect(largestDifference(...both(x))).toBeGreaterThan(0.05);
  });
});

describe('ScaleNorm', () => {
  it('gives every vector the learned length', scaleNormGivesOneLength);
});

describe('DeepNorm', () => {
  it('adds the scaled input', deepNormScalesTheInput);

  it('makes the first weights of values, outputs and feed-forward networks smaller, queries and keys not', () => {
    const make = (normPlacement: 'post' | 'deep') =>
      new Transformer(
        { sourceVocabSize: 9, targetVocabSize: 9, dModel: 8, dFf: 10, numHeads: 2, normPlacement },
        { random: new Random(5, 'deep'), device: 'reference' },
      ).stateDict();
    const [post, deep] = [make('post'), make('deep')];
    // N = M = 6: 0.87 (6⁵)^(−1/16) and (12 · 6)^(−1/4)
    const gains = { encoder: 0.87 / 6 ** (5 / 16), decoder: 72 ** -0.25 };
    for (const [path, { data }] of deep) {
      const stack = path.startsWith('encoder') ? 'encoder' : 'decoder';
      const isGained = /(value|output|inner|outer)\.weight$/.test(path);
      const expected = Array.from(post.get(path)!.data, (value) => value * (isGained ? gains[stack] : 1));
      expectNear(data, expected, 1e-14, path);
    }
  });

  // Wang et al. §3: post-norm loses the gradient on the way down and takes too large a first step; DeepNorm does neither.
  it('in deep models keeps the gradient of the first layer, and the first update small', () => {
    const [post, deep] = [firstUpdate('post', 12), firstUpdate('deep', 12)];
    expect(post.firstOverLast).toBeLessThan(0.2);
    expect(deep.firstOverLast).toBeGreaterThan(0.5);
    expect(deep.firstOverLast).toBeLessThan(2);
    expect(deep.change).toBeLessThan(post.change / 3);
  });
});

/**
 * What one update of equal size for every parameter does to a fresh model: the change of its logits, and how the first
 * decoder layer's gradient compares with the last one's; means over seeds.
 */
function firstUpdate(
  normPlacement: 'post' | 'deep',
  layers: number,
): { change: number; firstOverLast: number } {
  const sizes = { dModel: 16, dFf: 32, numHeads: 4, numEncoderLayers: layers, numDecoderLayers: layers };
  const seeds = [1, 2, 3];
  const total = { change: 0, firstOverLast: 0 };
  for (const seed of seeds) {
    const model = new Transformer(
      { sourceVocabSize: 9, targetVocabSize: 9, dropout: 0, normPlacement, ...sizes },
      { random: new Random(seed, 'deep'), device: 'reference' },
    );
    const logits = (): number[] =>
      Array.from(noGrad(() => scope(() => logitsOf(model, padded).data.slice())));
    const before = logits();
    const { gradients } = trainOn(model, padded);
    const at = (layer: number): number =>
      norm(gradients.get(`decoder.layers.${layer}.feedForward.outer.weight`)!);
    for (const { data, grad } of model.parameters())
      if (grad) for (let i = 0; i < data.length; i++) data[i]! -= 0.0005 * Math.sign(grad.data[i]!);
    const after = logits();
    total.change += norm(after.map((value, i) => value - before[i]!)) / seeds.length;
    total.firstOverLast += at(0) / at(layers - 1) / seeds.length;
  }
  return total;
}

describe('a language model with other norms', () => {
  it.each(['rms', 'scale', 'batch'] as const)('%s: steps equal the full pass', (norm) => {
    const model = tinyGpt({ norm }).eval();
    const ids = [3, 1, 4, 1, 5];
    const full = gptLogits(model, [ids]);
    const cache = model.startDecoding(1, 5);
    noGrad(() =>
      scope(() => {
        for (const [t, id] of ids.entries())
          expectNear(model.step(idTensor([[id]]), cache).data, rowOf(full, t, 9), 1e-12, `token ${t}`);
      }),
    );
    cache.dispose();
  });
});

describe('choices that cannot be used', () => {
  const make = (config: object): (() => unknown) => {
    const sizes = { sourceVocabSize: 9, targetVocabSize: 9, dModel: 8, dFf: 8, numHeads: 2 };
    return () => new Transformer({ ...sizes, ...config });
  };
  it.each([
    [
      { norm: 'rsm' },
      'norm: expected one of layer, rms, scale, batch, sentence, got "rsm"; did you mean "rms"?',
    ],
    [
      { norm: 'sentence' },
      'norm: sentence: a mean over a whole text would show the decoder its later tokens',
    ],
    [{ decoderNorm: 'sentence' }, 'decoderNorm: sentence: a mean over a whole text'],
    [{ encoderNorm: { kind: 'batch', momentum: 0 } }, 'expected momentum above 0, got 0'],
    [
      { norm: { kind: 'batch', momentum: 1 } },
      'norm.momentum: expected a rate of at least 0 and below 1, got 1',
    ],
    [
      { norm: { kind: 'batch', statistics: 'cumulative', momentum: 0.2 } },
      'norm: batch: momentum goes not with statistics cumulative, which weigh all batches alike; leave it out, got 0.2',
    ],
    [{ norm: { kind: 'batch', statistics: 'mean' } }, 'norm.statistics: expected one of moving, cumulative'],
    [{ norm: { kind: 'rms', eps: 1 } }, 'norm.eps: unknown option; there are none'],
    [{ normPlacement: 'middle' }, 'normPlacement: expected one of post, pre, deep, got "middle"'],
    [
      { normPlacement: 'deep', parallelResidual: true },
      'parallelResidual: expected false with normPlacement deep',
    ],
    [{ stochasticDepth: 1 }, 'stochasticDepth: expected a rate of at least 0 and below 1, got 1'],
  ])('%j: %s', (config, message) => {
    expect(make(config)).toThrow(ConfigError);
    expect(make(config)).toThrow(message);
  });

  it('a language model refuses a norm that sees later tokens', () => {
    expect(() => new Gpt({ vocabSize: 9, norm: 'sentence' })).toThrow(
      'norm: sentence: a mean over a whole text',
    );
  });
});
