/** Models whose attention is of reduced cost: inventory G1–G6 as `attention:` of a configuration. */
import { describe, expect, it } from 'vitest';
import {
  asMask,
  ConfigError,
  capture,
  Random,
  type Tensor,
  Transformer,
  type TransformerConfig,
  tensor,
} from '../../src/index.ts';
import type { AttentionChoice } from '../../src/nn/attention/kinds.ts';
import { LinearAttention } from '../../src/nn/attention/linear.ts';
import { LinformerAttention, linformerSharings } from '../../src/nn/attention/linformer.ts';
import { MultiHeadAttention } from '../../src/nn/attention/multi-head.ts';
import { Packing, Segments } from '../../src/nn/attention/packing.ts';
import { SparseAttention } from '../../src/nn/attention/sparse.ts';
import { packedEqualsAlone, parametersMove } from '../support/checks/mechanisms.ts';
import { futureChangesNothing, paddingChangesNothing, stepsEqualDecode } from '../support/checks/model.ts';
import { tinyModel } from '../support/models.ts';
import { expectNear, leaf, rowOf } from '../support/numbers.ts';

/** Kinds for every layer of self-attention. */
const everywhere: readonly AttentionChoice[] = [
  { kind: 'global', globals: 1, window: 3, blockSize: 1 },
  { kind: 'random', random: 2, window: 1, blockSize: 2 },
  { kind: 'bigbird', window: 1, globals: 1, random: 1, blockSize: 2, seed: 3 },
  'linear',
];
const configs: readonly Partial<TransformerConfig>[] = [
  ...everywhere.map((attention) => ({ attention })),
  ...linformerSharings.map((sharing) => ({
    encoderAttention: { kind: 'linformer', rows: 3, sharing } as const,
  })),
];
const rows = { global: 'G3', random: 'G4', bigbird: 'G5', linear: 'G6', linformer: 'G1' };
const named = configs.map((config) => {
  const { attention = 'linformer' } = config;
  const kind = typeof attention === 'string' ? attention : attention.kind;
  return [`${JSON.stringify(config)} (${rows[kind as keyof typeof rows]})`, config] as const;
});

describe.each(named)('a model with %s', (_, config) => {
  it('is the same with more padding, in outputs and gradients (F1)', () =>
    paddingChangesNothing('reference', [config]));
  it('sees no later token (F2)', () => futureChangesNothing('reference', [config]));
  it('says with caches what it says in one pass (K5)', () => stepsEqualDecode('reference', [config]));

  it('gives packed sequences the losses that they have alone, on every device', (context) =>
    packedEqualsAlone(context, config));
  it('moves every one of its parameters', () => parametersMove(config, /selfAttention/));

  it('shows its weights, and looking changes nothing', () => {
    const model = tinyModel(config);
    const x = leaf([2, 5, 8], 1, 'x');
    const run = (): Tensor => model.encoder.forward(x);
    const path = 'layers.0.selfAttention.weights';
    const { result, tensors } = capture(model.encoder, [path], run);
    expectNear(result.data, run().data, 1e-13);
    const weights = tensors.get(path)!;
    expect(weights.shape.slice(0, 3)).toEqual([2, 2, 5]);
    const keys = weights.shape[3]!;
    for (let row = 0; row < weights.size / keys; row++) {
      const total = rowOf(weights.data, row, keys).reduce((a, b) => a + b, 0);
      expect(total).toBeCloseTo(1, 12);
    }
  });
});

const sizes = { dModel: 8, numHeads: 2 };
const context = (device = 'reference') => ({ random: new Random(1, 'layer'), device });

/** Multi-head attention with the weights of another layer. */
function plainTwin(layer: MultiHeadAttention): MultiHeadAttention {
  const twin = new MultiHeadAttention(sizes, context());
  const own = layer.stateDict();
  twin.loadStateDict(new Map([...twin.stateDict().keys()].map((name) => [name, own.get(name)!])));
  return twin;
}

describe('Linformer (G1)', () => {
  const length = 6;
  const options = { ...sizes, rows: length, maxSeqLen: length };

  it.each(linformerSharings)('sharing %s: with k = n and E = F = I it is multi-head attention', (sharing) => {
    const layer = new LinformerAttention({ ...options, sharing }, context());
    for (const { weight } of [layer.keyProjection, layer.valueProjection])
      weight.data.set(weight.data.map((_, i) => Number((i % (length * length)) % (length + 1) === 0)));
    const x = leaf([2, length, 8], 1, 'x');
    expectNear(layer.forward(x, x).data, plainTwin(layer).forward(x, x).data, 1e-13);
    const row = leaf([1, 2 * length, 8], 2, 'packed');
    const mask = new Segments(new Packing([length, length], row.device));
    expectNear(
      layer.forward(row, row, { mask }).data,
      plainTwin(layer).forward(row, row, { mask }).data,
      1e-13,
    );
  });

  it('has the parameters of its way to share', () => {
    const count = (sharing: (typeof linformerSharings)[number]): number => {
      const [own, model] = [context(), { rows: 3, maxSeqLen: 7, sharing }];
      const layers = [1, 2].map(() => new LinformerAttention({ ...sizes, ...model }, own));
      const all = new Set(layers.flatMap((layer) => layer.parameters()));
      const plain = 2 * new MultiHeadAttention(sizes, context()).numParameters;
      return [...all].reduce((total, { size }) => total + size, 0) - plain;
    };
    const one = 3 * 7;
    expect(linformerSharings.map(count)).toEqual([2 * 2 * 2 * one, 2 * 2 * one, 2 * one, one]);
  });

  it('is refused where it would see the future', () => {
    const layer = new LinformerAttention({ ...options, sharing: 'heads' }, context());
    const x = leaf([1, 3, 8], 1, 'x');
    expect(() => layer.forward(x, x, { causal: true })).toThrow(ConfigError);
    for (const wrong of [{ attention: 'linformer' }, { crossAttention: 'linformer' }] as const)
      expect(() => tinyModel(wrong)).toThrow('only encoderAttention can be linformer');
    const pairs = asMask(
      tensor(new Uint8Array(9).fill(1), [1, 1, 3, 3], { dtype: 'bool', device: x.device }),
    );
    expect(() => layer.forward(x, x, { mask: pairs })).toThrow(ConfigError);
  });
});

describe('a sparse layer', () => {
  it('that sees everything is multi-head attention', () => {
    const x = leaf([2, 5, 8], 1, 'x');
    for (const pattern of [{ window: 4 }, { globals: 5 }, { random: 4 }, { blockSize: 5 }]) {
      const layer = new SparseAttention({ ...sizes, pattern }, context());
      expectNear(layer.forward(x, x).data, plainTwin(layer).forward(x, x).data, 1e-13);
    }
  });
});

describe('a layer of linear attention (G6)', () => {
  it('keeps a state whose size does not depend on the room for tokens', () => {
    const layer = new LinearAttention(sizes, context());
    const like = leaf([1], 1, 'like');
    const caches = [1, 1000].map((room) => layer.makeCache(3, room, like));
    expect(caches.map(({ state }) => state.shape)).toEqual([
      [3, 2, 4, 5],
      [3, 2, 4, 5],
    ]);
    for (const cache of caches) cache.dispose();
  });
});

describe('kinds that cannot go together', () => {
  it('are named: scores by distance with attention that makes no scores pair by pair', () => {
    for (const position of ['shaw', 't5', 'alibi', 'transformer-xl'] as const) {
      for (const config of configs) {
        const make = (): Transformer =>
          new Transformer({
            sourceVocabSize: 9,
            targetVocabSize: 9,
            dModel: 8,
            numHeads: 2,
            position,
            ...config,
          });
        expect(make, `${position} and ${JSON.stringify(config)}`).toThrow(ConfigError);
        expect(make).toThrow(position);
      }
    }
  });

  it('cannot stand between encoder and decoder', () => {
    for (const crossAttention of everywhere)
      expect(() => tinyModel({ crossAttention })).toThrow('queries and keys of one text');
  });
});
