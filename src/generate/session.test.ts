import { describe, expect, test } from 'vitest';
import { expectClose } from '../../tests/support/compare.ts';
import { needDevice } from '../../tests/support/devices.ts';
import { tinyTransformer } from '../../tests/support/reversed-strings.ts';
import { noGrad } from '../core/tape.ts';
import { tensor } from '../core/tensor.ts';
import { collate } from '../data/collate.ts';
import type { Transformer } from '../models/transformer.ts';
import type { TransformerConfig } from '../models/transformer-config.ts';
import { capture } from '../nn/capture.ts';
import { quantize } from '../nn/quantize.ts';
import { beamSearch } from './beam.ts';
import { greedySearch } from './greedy.ts';
import { nextTokens } from './next-tokens.ts';
import { ModelSession } from './session.ts';

const [bos, eos, pad] = [2, 3, 0];
const sources = [[4, 5, 6, eos], [7, eos], [8, 9, 10, 11, 4, eos], [eos]];

const variants: Readonly<Record<string, Partial<TransformerConfig>>> = {
  'post-norm': {},
  'pre-norm, two layers': { normPlacement: 'pre', numDecoderLayers: 2, numEncoderLayers: 2 },
  'learned positions, tied': { position: 'learned', tieEmbeddings: 'all' },
  'narrow keys, wide values': { headDim: 3, valueDim: 7 },
  'rotary, a layout of neighbours': { position: { kind: 'rope', layout: 'interleaved' }, headDim: 6 },
  'rotary, a layout of halves': { position: { kind: 'rope', layout: 'halves' }, headDim: 6 },
  'rotary, neighbours in a part of each head': { position: { kind: 'rope', rotaryDim: 4 }, headDim: 6 },
};
/** What the fused decoder does not know. */
const stepped: Readonly<Record<string, Partial<TransformerConfig>>> = {
  'a scale norm': { norm: 'scale' },
  'heads of another number between texts': { crossAttention: { kind: 'multi-head', numHeads: 1 } },
  'rotary, halves of a part of each head': {
    position: { kind: 'rope', layout: 'halves', rotaryDim: 4 },
    headDim: 6,
  },
  'rotary, neighbours in a part of an odd head': { position: { kind: 'rope', rotaryDim: 4 }, headDim: 7 },
};
const devices = [
  ['reference', { rtol: 1e-12, atol: 1e-12 }],
  ['native', { rtol: 1e-5, atol: 1e-5 }],
  ['wasm', { rtol: 1e-5, atol: 1e-5 }],
] as const;

function row(model: Transformer, ids: readonly number[]) {
  const { device } = model.sourceEmbedding.weight;
  return tensor(Int32Array.from(ids), [1, ids.length], { dtype: 'int32', device });
}

/** Logits after `prefix`, from one pass over it and its source alone: no cache, no batch, no padding. */
function uncached(model: Transformer, source: readonly number[], prefix: readonly number[]): number[] {
  const { data, shape } = noGrad(() => model.forward(row(model, source), row(model, prefix)));
  return [...data].slice(-shape[2]!);
}

describe('cached steps equal a full decode of each text alone', () => {
  for (const [name, config] of Object.entries({ ...variants, ...stepped })) {
    for (const [device, tolerance] of devices) {
      test(`${name} on ${device}`, (context) => {
        needDevice(context, device);
        const model = tinyTransformer({ device }, config).eval();
        const session = new ModelSession(model, collate(sources, { padId: pad }), 8);
        let texts = sources.map((source) => ({ source, prefix: [] as number[] }));
        // Rows are reordered, doubled and dropped between the steps, as beams do it.
        const moves = [
          [0, 1, 2, 3],
          [3, 2, 1, 0],
          [0, 0, 2, 3, 3],
          [4, 1],
          [1, 0, 1],
        ];
        for (const [step, places] of moves.entries()) {
          session.select(places);
          texts = places.map((place) => texts[place]!);
          const tokens = texts.map((_, i) => (step === 0 ? bos : 4 + ((3 * step + 5 * i) % 8)));
          texts = texts.map(({ source, prefix }, i) => ({ source, prefix: [...prefix, tokens[i]!] }));
          const logits = session.step(tokens);
          const expected = texts.flatMap(({ source, prefix }) => uncached(model, source, prefix));
          expectClose(logits.data, expected, tolerance, `step ${step}`);
        }
        session.dispose();
      });
    }
  }
});

test('a begin token and a prefix in one step equal one token after the other', () => {
  const model = tinyTransformer().eval();
  const memory = noGrad(() => model.encode(row(model, sources[0]!)));
  const cache = model.startDecoding(memory, null, 6);
  const logits = noGrad(() => model.step(row(model, [bos, 5, 9, 4]), cache));
  expectClose(logits.data, uncached(model, sources[0]!, [bos, 5, 9, 4]), { rtol: 1e-12, atol: 1e-12 });
  expect(cache.length).toBe(4);
});

describe('searches over a Transformer', () => {
  const limits = [7, 3, 10, 5];
  const options = { bos, eos, maxNewTokens: limits, forbidden: [pad, bos], lengthPenalty: 0.6 };

  for (const [device, tolerance] of devices) {
    test(`a beam of one is greedy, a batch is its texts alone, on ${device}`, (context) => {
      needDevice(context, device);
      const model = tinyTransformer({ device, seed: 5 }).eval();
      const session = (some: readonly number[][]) =>
        new ModelSession(model, collate(some, { padId: pad }), 11);
      const greedy = greedySearch(session(sources), options);
      const beamOfOne = beamSearch(session(sources), { ...options, beamSize: 1, nBest: 1 });
      expect(beamOfOne.map(([best]) => best!.tokens)).toEqual(greedy.map(({ tokens }) => tokens));
      for (const beamSize of [1, 3]) {
        const beam = { ...options, beamSize, nBest: beamSize };
        const together = beamSearch(session(sources), beam);
        for (const [i, source] of sources.entries()) {
          const [alone] = beamSearch(session([source]), { ...beam, maxNewTokens: limits[i]! });
          expect(together[i]!.map(({ tokens }) => tokens)).toEqual(alone!.map(({ tokens }) => tokens));
          const scores = together[i]!.map(({ score }) => score);
          expectClose(
            scores,
            alone!.map(({ score }) => score),
            tolerance,
          );
        }
      }
    });
  }
});

/** The likeliest tokens of the fused decoder beside those of the logits of one layer after the other, through beams. */
function choosesAlike(model: Transformer, tolerance: number): void {
  const moves = [[0, 1, 2, 3], [3, 2, 1, 0], [0, 0, 2, 3, 3, 1, 1], [4, 1, 6], [1, 0, 1], [2]];
  const close = { rtol: tolerance, atol: tolerance };
  const batch = collate(sources, { padId: pad });
  const [fused, plain] = [{ best: 4 }, {}].map((how) => new ModelSession(model, batch, 8, how));
  for (const [step, places] of moves.entries()) {
    for (const session of [fused!, plain!]) session.select(places);
    const tokens = places.map((_, i) => (step === 0 ? bos : 4 + ((3 * step + 5 * i) % 8)));
    const query = {
      count: 4,
      forbidden: [pad, bos],
      wanted: places.map((_, i) => (i % 2 ? 5 + i : undefined)),
    };
    const [got, want] = [nextTokens(fused!, tokens, query), nextTokens(plain!, tokens, query)];
    expect(() => fused!.step(tokens)).toThrow('gives the likeliest tokens only');
    expect([...got.tokens], `tokens at step ${step}`).toEqual([...want.tokens]);
    expectClose(got.logProbs, want.logProbs, close, `log-probabilities at step ${step}`);
    expectClose(got.wanted, want.wanted, close, `wanted at step ${step}`);
  }
  fused!.dispose();
  plain!.dispose();
}

test('beams that change places leave keys and values of their source where they are', () => {
  const model = tinyTransformer().eval();
  const ids = tensor([4, 5, 6, 7], [2, 2], { dtype: 'int32', device: 'reference' });
  const memory = noGrad(() => model.encode(ids));
  const cache = model.startDecoding(memory, null, 6);
  const keys = () => cache.layers[0]!.cross.keys;
  const [first, second] = [[...keys().data.slice(0, 32)], [...keys().data.slice(32)]];
  const kept = keys();
  cache.select([0, 1]);
  expect(keys()).toBe(kept);
  cache.select([0, 0, 1, 1]);
  expect([...keys().data]).toEqual([...first, ...first, ...second, ...second]);
  const beams = keys();
  cache.select([1, 0, 3, 3]);
  expect(keys()).toBe(beams);
  cache.select([2, 3]);
  expect([...keys().data]).toEqual([...second, ...second]);
});

describe('the fused decoder chooses as the logits say', () => {
  const wide: Readonly<Record<string, Partial<TransformerConfig>>> = {
    ...variants,
    'wider than a block of columns': { targetVocabSize: 1200, dModel: 40, dFf: 530, numHeads: 5 },
    'no positions, three layers, GELU, no final norm': {
      position: 'none',
      numDecoderLayers: 3,
      activation: 'gelu',
      normPlacement: 'pre',
      finalNorm: false,
    },
    'gated networks, RMS norms': { feedForward: 'swiglu', norm: 'rms', normPlacement: 'pre', dFf: 37 },
    'gates with biases, RMS norms of the decoder alone': {
      feedForward: { kind: 'geglu', bias: true },
      decoderNorm: 'rms',
      numDecoderLayers: 2,
    },
    'one shared layer': { shareLayers: true, numEncoderLayers: 2, numDecoderLayers: 2 },
  };
  for (const [name, config] of Object.entries(wide)) {
    for (const device of ['native', 'wasm']) {
      test(`${name} on ${device}`, (context) => {
        needDevice(context, device);
        choosesAlike(tinyTransformer({ device }, config).eval(), 1e-5);
      });
    }
  }

  const widths = { dModel: 64, dFf: 96, numHeads: 2, targetVocabSize: 600 };
  const networks = { 'a network': {}, 'a gate': { feedForward: 'swiglu', norm: 'rms' } } as const;
  for (const dtype of ['int8', 'int4'] as const) {
    for (const [network, config] of Object.entries(networks)) {
      test.for(['native', 'wasm'])(`${dtype} weights and ${network} on %s`, (device, context) => {
        needDevice(context, device);
        const model = tinyTransformer({ device }, { ...widths, ...config, numDecoderLayers: 2 }).eval();
        // Sums in another order bring an activation to the next code now and then: a 127th of the largest.
        choosesAlike(quantize(model, { dtype }), 5e-3);
      });
    }
  }

  test('of equal tokens the lowest first, and no more than there are', () => {
    const model = tinyTransformer({ device: 'native' }, { targetVocabSize: 700 }).eval();
    model.targetEmbedding.weight.data.fill(0);
    model.projection?.weight.data.fill(0);
    const session = new ModelSession(model, collate(sources, { padId: pad }), 2, { best: 9 });
    const { tokens, logProbs } = nextTokens(session, [bos, bos, bos, bos], {
      count: 9,
      forbidden: [0, 2],
      wanted: [],
    });
    expect([...tokens.subarray(0, 9)]).toEqual([1, 3, 4, 5, 6, 7, 8, 9, 10]);
    expectClose([logProbs[0]!], [-Math.log(698)], { rtol: 1e-6, atol: 0 });
    session.dispose();
  });

  test('it gives way when somebody looks inside, and says so when asked for logits', () => {
    const model = tinyTransformer({ device: 'native' }).eval();
    const start = () => new ModelSession(model, collate(sources, { padId: pad }), 2, { best: 1 });
    const session = start();
    expect(() => session.step([bos, bos, bos, bos])).toThrow('gives the likeliest tokens only');
    session.dispose();
    const { tensors } = capture(model, ['decoder.layers.0.crossAttention.weights'], () => {
      const watched = start();
      nextTokens(watched, [bos, bos, bos, bos], { count: 1, wanted: [] });
      watched.dispose();
    });
    expect(tensors.get('decoder.layers.0.crossAttention.weights')?.shape[0]).toBe(4);
  });

  test.each(Object.entries(stepped))('it gives way to %s', (_, config) => {
    const model = tinyTransformer({ device: 'native' }, config).eval();
    const session = new ModelSession(model, collate(sources, { padId: pad }), 2, { best: 1 });
    expect(session.best([bos, bos, bos, bos], { count: 1, forbidden: [], wanted: [] })).toBeUndefined();
    session.dispose();
  });

  test('it refuses a text longer than the table of positions', () => {
    const model = tinyTransformer({ device: 'native' }, { maxSeqLen: 6 }).eval();
    const session = new ModelSession(model, collate([[4, eos]], { padId: pad }), 9, { best: 1 });
    const next = () => nextTokens(session, [4], { count: 1, wanted: [] });
    for (let step = 0; step < 6; step++) next();
    expect(next).toThrow('expected at most 6 positions (maxSeqLen), got 7');
    session.dispose();
  });
});
