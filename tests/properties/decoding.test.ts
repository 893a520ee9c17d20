/** Decoding step by step equals the full pass: inventory K2, K5, B12. */
import { describe, expect, it } from 'vitest';
import { noGrad, scope, Transformer } from '../../src/index.ts';
import { batchMatesDoNotMatter, cacheFollowsTheRows, stepsEqualDecode } from '../support/checks/model.ts';
import { itOnEachDevice, roundingOf } from '../support/devices.ts';
import { tinyModel } from '../support/models.ts';
import { expectNear, idTensor, rowOf } from '../support/numbers.ts';

describe('decoding', () => {
  itOnEachDevice('with caches equals the full pass over each prefix (K2, K5)', stepsEqualDecode);
  itOnEachDevice('a reordered cache goes on with its rows', cacheFollowsTheRows);
  itOnEachDevice('a sentence alone equals the sentence in a batch', batchMatesDoNotMatter);

  itOnEachDevice('80 steps stay on the full pass', (device) => {
    const model = tinyModel({ maxSeqLen: 100 }, device).eval();
    const ids = Array.from({ length: 80 }, (_, i) => 1 + ((i * i) % 8));
    noGrad(() =>
      scope(() => {
        const memory = model.encode(idTensor([ids.slice(0, 70)], device));
        const full = model.decode(idTensor([ids], device), memory);
        const cache = model.startDecoding(memory, null, 80);
        ids.forEach((id, t) => {
          const logits = model.step(idTensor([[id]], device), cache);
          expectNear(logits.data, rowOf(full.data, t, 9), roundingOf(device), `step ${t}`);
        });
        cache.dispose();
      }),
    );
  });

  it('refuses more tokens than the cache has room for', () => {
    const model = tinyModel().eval();
    noGrad(() =>
      scope(() => {
        const cache = model.startDecoding(model.encode(idTensor([[3, 4]])), null, 2);
        model.step(idTensor([[1, 5]]), cache);
        expect(() => model.step(idTensor([[6]]), cache)).toThrow('expected at most 2 tokens, got 3');
        cache.dispose();
      }),
    );
  });
});

describe('saving', () => {
  itOnEachDevice('parameters under their names give the same logits, bit by bit (A8)', (device) => {
    const [model, copy] = [tinyModel({}, device, 3), tinyModel({}, device, 4)];
    const run = (m: Transformer) =>
      Array.from(noGrad(() => m.forward(idTensor([[3, 4]], device), idTensor([[1, 5]], device)).data));
    expect(run(copy)).not.toEqual(run(model));
    copy.loadStateDict(model.stateDict());
    expect(run(copy)).toEqual(run(model));
  });

  it('refuses the parameters of another architecture and lists what differs', () => {
    const [model, other] = [tinyModel({ dFf: 10 }), tinyModel({ dFf: 12 })];
    const before = Array.from(model.parameters()[0]!.data);
    expect(() => model.loadStateDict(other.stateDict())).toThrow(
      expect.objectContaining({ code: 'E_ARCHITECTURE' }),
    );
    expect(() => model.loadStateDict(new Map())).toThrow('sourceEmbedding.weight is missing');
    expect(Array.from(model.parameters()[0]!.data)).toEqual(before);
  });

  it('the same seed gives the same first values, another seed others (A7)', () => {
    const first = (seed: number) =>
      tinyModel({}, 'reference', seed)
        .parameters()
        .map(({ data }) => data[0]);
    expect(first(1)).toEqual(first(1));
    expect(first(2)).not.toEqual(first(1));
  });
});

describe('a configuration that cannot be used', () => {
  it('lists every bad field at once', () => {
    const make = () =>
      new Transformer({
        sourceVocabSize: 0,
        targetVocabSize: 9,
        dModel: 10,
        numHeads: 4,
        dropout: 1,
        tieEmbeddings: 'all',
      });
    expect(make).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
    try {
      make();
    } catch (error) {
      const { issues } = error as { issues: { path: string }[] };
      expect(issues.map(({ path }) => path)).toEqual([
        'sourceVocabSize',
        'dropout',
        'numHeads',
        'tieEmbeddings',
      ]);
    }
  });
});
