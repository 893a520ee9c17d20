/** Importance and pruning of heads: inventory E16. */
import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  headImportance,
  noGrad,
  pruneHeads,
  quantize,
  Random,
  sum,
  type Tensor,
  type Transformer,
} from '../../src/index.ts';
import { buildModel } from '../../src/models/registry.ts';
import { MultiHeadAttention } from '../../src/nn/attention/multi-head.ts';
import { prunedEqualsGated } from '../support/checks/heads.ts';
import { stepsEqualDecode } from '../support/checks/model.ts';
import { itOnEachDevice } from '../support/devices.ts';
import { logitsOf, lossesOf, padded, tinyModel } from '../support/models.ts';
import { expectNear } from '../support/numbers.ts';

const gated = { attention: { kind: 'multi-head', headGates: true }, numHeads: 4 } as const;

describe('importance (E16)', () => {
  it('is the finite difference of the loss in the gate of each head (E16)', () => {
    const model = tinyModel(gated);
    const heads = model
      .namedModules()
      .flatMap(([path, module]) => (module instanceof MultiHeadAttention ? [[path, module] as const] : []));
    for (const [, { gates }] of heads) gates?.data.fill(1);
    const importance = headImportance(model, [() => lossesOf(model, padded)]);
    expect([...importance.keys()]).toEqual(heads.map(([path]) => path));
    const lossAt = (gates: Tensor, h: number, value: number): number => {
      gates.data[h] = value;
      const loss = noGrad(() => sum(lossesOf(model, padded))).item();
      gates.data[h] = 1;
      return loss;
    };
    for (const [path, { gates }] of heads) {
      if (!gates) continue;
      const slopes = [0, 1, 2, 3].map((h) =>
        Math.abs((lossAt(gates, h, 1 + 1e-5) - lossAt(gates, h, 1 - 1e-5)) / 2e-5),
      );
      expectNear(importance.get(path)!, slopes, 1e-7, path);
    }
    expect(model.parameters().every(({ grad }) => grad === undefined)).toBe(true);
  });

  it('needs no gates, and averages over batches', () => {
    const model = tinyModel({ numHeads: 4 });
    const other = { source: [[5, 3]], target: [[1, 7]], labels: [[7, 2]] };
    const each = [padded, other].map((batch) => headImportance(model, [() => lossesOf(model, batch)]));
    const both = headImportance(model, [() => lossesOf(model, padded), () => lossesOf(model, other)]);
    for (const [path, heads] of both)
      expectNear(
        heads,
        heads.map((_, h) => (each[0]!.get(path)![h]! + each[1]!.get(path)![h]!) / 2),
        1e-12,
      );
  });
});

describe('pruning (E16)', () => {
  itOnEachDevice('leaves the outputs of the model with gates of 0 (E16)', prunedEqualsGated);

  const pruned = { 'encoder.layers.0.selfAttention': [1, 3], 'decoder.layers.1.crossAttention': [0] };

  it('takes the parameters of the heads away', () => {
    const model = tinyModel({ numHeads: 4 });
    const smaller = pruneHeads(model, pruned);
    const head = 3 * (2 * 8 + 2) + 2 * 8; // rows of three projections with biases, columns of the fourth
    expect(smaller.numParameters).toBe(model.numParameters - 3 * head);
    const names = smaller.namedParameters().map(([name]) => name);
    expect(names).toEqual(model.namedParameters().map(([name]) => name));
  });

  it('is written into the configuration: a saved model loads again', () => {
    const smaller = pruneHeads(tinyModel({ numHeads: 4 }), pruned).eval();
    const config = JSON.parse(JSON.stringify(smaller.config)) as Transformer['config'];
    const context = { random: new Random(9, 'other'), device: 'reference' };
    const loaded = buildModel({ kind: 'transformer', config }, context).eval();
    loaded.loadStateDict(smaller.stateDict());
    const outputs = [smaller, loaded].map((model) => noGrad(() => logitsOf(model, padded)).data);
    expect(outputs[1]).toEqual(outputs[0]);
  });

  it('twice is pruning at once; numbers are those of the whole layer', () => {
    const model = tinyModel({ numHeads: 4 });
    const path = 'encoder.layers.1.selfAttention';
    const twice = pruneHeads(pruneHeads(model, { [path]: [0] }), { [path]: [2] });
    const once = pruneHeads(model, { [path]: [2, 0] });
    expect(twice.config).toEqual(once.config);
    for (const [name, value] of once.stateDict())
      expect(twice.stateDict().get(name)!.data).toEqual(value.data);
  });

  it('and decoding step by step agree', () =>
    stepsEqualDecode('reference', [{ numHeads: 4, prunedHeads: pruned }]));

  it.each([
    [{ 'encoder.layers.7.selfAttention': [0] }, {}, 'no attention layer has this path'],
    [{ 'encoder.layers.0.selfAttention': [4] }, {}, 'expected different heads from 0 to 3, got [4]'],
    [{ 'encoder.layers.0.selfAttention': [0, 1, 2, 3] }, {}, 'expected that a head stays, got all 4'],
    [
      { 'decoder.layers.0.selfAttention': [0] },
      { decoderAttention: 'bilinear' },
      'only multi-head attention',
    ],
    [{ 'decoder.layers.0.selfAttention': [0] }, { position: 'alibi' }, 'position alibi has scores'],
    [{ 'decoder.layers.0.selfAttention': [0] }, { decoderPosition: 't5' }, 'position t5 has scores'],
    [
      { 'encoder.layers.0.selfAttention': [0] },
      { encoderPosition: 'structural' },
      'position structural has scores',
    ],
  ] as const)('refuses %j of a model with %j', (heads, config, message) => {
    const prune = () => pruneHeads(tinyModel({ numHeads: 4, ...config }), heads);
    expect(prune).toThrow(ConfigError);
    expect(prune).toThrow(message);
  });

  it('refuses quantised weights', () => {
    const model = quantize(tinyModel({ numHeads: 4 }), { dtype: 'int8' });
    expect(() => pruneHeads(model, pruned)).toThrow('prune first, then quantize');
  });
});
