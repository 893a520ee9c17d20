/** Quantised models: weights, outputs, decoding, saving, and what is refused. */
import { describe, expect, it } from 'vitest';
import { Random } from '../src/core/random.ts';
import {
  backward,
  type Module,
  modelBytes,
  noGrad,
  type QuantizedType,
  quantize,
  readSafetensors,
  scope,
  sum,
  Transformer,
  type TransformerConfig,
  writeSafetensors,
} from '../src/index.ts';
import { buildModel } from '../src/models/registry.ts';
import { WeightModule } from '../src/nn/weight-module.ts';
import {
  outputsNearDequantized,
  weightsMoveByHalfAStep,
  wholeActivationsAreExact,
} from './support/checks/quantize.ts';
import { itOnEachDevice, needDevice, roundingOf } from './support/devices.ts';
import { gptLogits, tinyGpt } from './support/gpts.ts';
import { logitsOf, padded, tinyModel } from './support/models.ts';
import { cosine, expectNear, idTensor, rowOf } from './support/numbers.ts';
import { slowDequantize } from './support/slow-quantized.ts';

describe('a quantised layer', () => {
  it('keeps every weight within half a step', weightsMoveByHalfAStep);
  itOnEachDevice('is near the dequantised weights', outputsNearDequantized);
  itOnEachDevice('is exact for whole activations', wholeActivationsAreExact);
});

const wide = { dModel: 32, dFf: 64, numHeads: 4 } as const;
const types: readonly QuantizedType[] = ['int8', 'int4'];

function logits(model: Transformer): Float64Array {
  return noGrad(() => scope(() => Float64Array.from(logitsOf(model, padded).data)));
}

/** Gives a float model the weights that the codes of its quantised twin stand for. */
function roundWeights(float: Module, quantized: Module, dtype: QuantizedType): void {
  const twins = new Map(float.namedModules());
  for (const [path, module] of quantized.namedModules()) {
    if (!(module instanceof WeightModule)) continue;
    const { codes, scales, shape } = module.quantized!;
    const [rows, columns] = shape as [number, number];
    const { weight } = twins.get(path) as WeightModule;
    weight.data.set(slowDequantize({ codes, scales, rows, columns, dtype }));
  }
}

describe.each(types)('a model with %s weights', (dtype) => {
  itOnEachDevice('says what a float model with its rounded weights says', (device) => {
    const configs: readonly Partial<TransformerConfig>[] = [
      { ...wide, tieEmbeddings: 'all' },
      { ...wide, tieEmbeddings: 'target', normPlacement: 'pre' },
      { ...wide, tieEmbeddings: 'none', position: 'learned' },
    ];
    for (const config of configs) {
      const [model, float] = [tinyModel(config, device).eval(), tinyModel(config, device).eval()];
      roundWeights(float, quantize(model, { dtype }), dtype);
      expect(cosine(logits(model), logits(float))).toBeGreaterThan(0.998);
    }
    const [gpt, float] = [tinyGpt(wide, device).eval(), tinyGpt(wide, device).eval()];
    roundWeights(float, quantize(gpt, { dtype }), dtype);
    const ids = [[1, 5, 2, 8, 0]];
    expect(cosine(gptLogits(gpt, ids), gptLogits(float, ids))).toBeGreaterThan(0.998);
  });

  itOnEachDevice('decodes with caches as in one pass', (device) => {
    const model = quantize(tinyGpt(wide, device).eval(), { dtype });
    const ids = [3, 1, 4, 1, 5, 8, 2, 6];
    const full = gptLogits(model, [ids]);
    const cache = model.startDecoding(1, ids.length);
    noGrad(() =>
      scope(() => {
        expectNear(
          model.step(idTensor([ids.slice(0, 4)], device), cache).data,
          rowOf(full, 3, 9),
          10 * roundingOf(device),
        );
        for (let t = 4; t < ids.length; t++) {
          const { data } = model.step(idTensor([[ids[t]!]], device), cache);
          expectNear(data, rowOf(full, t, 9), 10 * roundingOf(device), `after ${t + 1} tokens`);
        }
      }),
    );
    cache.dispose();
  });

  itOnEachDevice('comes back from a file with the same bits', (device) => {
    const model = quantize(tinyModel({ ...wide, tieEmbeddings: 'target' }, device).eval(), { dtype });
    const { tensors } = readSafetensors(writeSafetensors(model.stateDict()));
    const codes = [...tensors].filter(([name]) => name.endsWith('.codes'));
    expect(codes.length).toBeGreaterThan(10);
    for (const [name, stored] of codes) expect(stored.dtype, name).toBe(dtype === 'int8' ? 'int8' : 'uint8');
    const copy = buildModel(
      { kind: 'transformer', config: model.config, quantization: dtype },
      { random: new Random(99, 'other'), device },
    ).eval();
    copy.loadStateDict(tensors);
    expect(logits(copy)).toEqual(logits(model));
  });

  it('stores a tied table once', () => {
    const model = quantize(tinyModel({ ...wide, tieEmbeddings: 'all' }), { dtype });
    const tables = [...model.stateDict().keys()].filter((name) => /Embedding\..*codes$/.test(name));
    expect(tables).toEqual(['sourceEmbedding.quantized.codes']);
  });

  it('has no gradient, and says so', () => {
    const model = quantize(tinyModel(wide), { dtype });
    expect(() => backward(sum(logitsOf(model, padded)))).toThrow(
      expect.objectContaining({ code: 'E_QUANTIZED', hint: 'train the model first, then quantise it' }),
    );
  });
});

it('takes about the bytes that its name says', (context) => {
  needDevice(context, 'native');
  const bytes = (dtype?: QuantizedType): number => {
    const model = new Transformer(
      {
        ...{ sourceVocabSize: 500, targetVocabSize: 500, dModel: 64, dFf: 256, numHeads: 4 },
        ...{ numEncoderLayers: 1, numDecoderLayers: 1 },
      },
      { random: new Random(1, 'init'), device: 'native' },
    );
    return modelBytes(dtype ? quantize(model, { dtype }) : model);
  };
  expect(bytes('int8') / bytes()).toBeLessThan(0.28);
  expect(bytes('int4') / bytes()).toBeLessThan(0.18);
});

describe('what is refused', () => {
  it('int4 and a width that is no multiple of 32: nothing has changed', () => {
    const model = tinyModel({ dModel: 32, dFf: 40, numHeads: 4 });
    const before = logits(model);
    expect(() => quantize(model, { dtype: 'int4' })).toThrow(
      'quantize encoder.layers.0.feedForward.outer.weight: expected a width divisible by the int4 group of 32, ' +
        'got width 40; hint: use dtype int8',
    );
    expect(logits(model)).toEqual(before);
  });

  it('a type that is not known', () => {
    expect(() => quantize(tinyModel(), { dtype: 'int3' as QuantizedType })).toThrow(
      'quantize: expected dtype int8 or int4, got "int3"; hint: did you mean "int8"?',
    );
  });
});
