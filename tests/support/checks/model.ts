/** What any right encoder–decoder does; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Tokenizers } from '../../../src/generate/translator.ts';
import {
  backward,
  noGrad,
  scope,
  slice,
  type Tensor,
  type Transformer,
  type TransformerConfig,
} from '../../../src/index.ts';
import { makeBatch, Seq2SeqObjective } from '../../../src/train/seq2seq.ts';
import { roundingOf } from '../devices.ts';
import { finiteDifferences } from '../finite-differences.ts';
import { type Batch, gradientsOf, logitsOf, lossesOf, maskOf, PAD, tinyModel, trainOn } from '../models.ts';
import { expectNear, gradientOf, idTensor, leaf, rowOf } from '../numbers.ts';

const token = fc.integer({ min: 1, max: 8 });
const tokens = (most: number): fc.Arbitrary<number[]> => fc.array(token, { minLength: 1, maxLength: most });

/** Models that a check is made with. */
export type Kinds = readonly Partial<TransformerConfig>[];

/** Two models that differ in what masks and norms can get wrong. */
const kinds: Kinds = [
  { normPlacement: 'post', tieEmbeddings: 'none' },
  { normPlacement: 'pre', tieEmbeddings: 'all', position: 'learned' },
];

const pads = (count: number): number[] => new Array<number>(count).fill(PAD);

/** One pair under `source` and `target` pads at its right. */
function paddedPair(pair: { source: number[]; target: number[] }, source: number, target: number): Batch {
  const labels = [...pair.target.slice(1), 2];
  return {
    source: [[...pair.source, ...pads(source)]],
    target: [[...pair.target, ...pads(target)]],
    labels: [[...labels, ...pads(target)]],
  };
}

/** k more pads in source and target change no real logit, no loss and no gradient of any parameter. */
export function paddingChangesNothing(device = 'reference', configs: Kinds = kinds): void {
  const pair = fc.record({ source: tokens(4), target: tokens(4) });
  const extra = fc.integer({ min: 0, max: 3 });
  const models = configs.map((config) => tinyModel(config, device));
  fc.assert(
    fc.property(fc.constantFrom(...models), pair, extra, extra, (model, sentence, before, after) => {
      const [bare, wide] = [paddedPair(sentence, 0, 0), paddedPair(sentence, before, after)];
      const real = sentence.target.length * model.config.targetVocabSize;
      const logits = (batch: Batch): ArrayLike<number> =>
        noGrad(() => scope(() => logitsOf(model, batch).data.slice(0, real)));
      const rounding = roundingOf(device);
      expectNear(logits(wide), logits(bare), rounding, 'logits');
      const [one, other] = [trainOn(model, bare, 0.1), trainOn(model, wide, 0.1)];
      expectNear([other.loss], [one.loss], rounding, 'loss');
      for (const [path, gradient] of one.gradients) {
        expectNear(other.gradients.get(path)!, gradient, 10 * rounding, `gradient of ${path}`);
      }
    }),
    { numRuns: 25 },
  );
}

/**
 * Another token at place j leaves the logits before j the same bits, and changes those from j on; `reach` is how many
 * places on, where a mechanism looks at some of the past only.
 */
export function futureChangesNothing(device = 'reference', configs: Kinds = kinds, reach = Infinity): void {
  const models = configs.map((config) => tinyModel(config, device));
  const target = fc.array(token, { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...models), tokens(4), target, fc.nat(), (model, source, own, at) => {
      const place = at % own.length;
      const other = own.map((id, i) => (i === place ? (id % 8) + 1 : id));
      const run = (ids: number[]): ArrayLike<number> =>
        noGrad(() => scope(() => logitsOf(model, { source: [source], target: [ids] }).data.slice()));
      const [a, b] = [run(own), run(other)];
      for (let t = 0; t < own.length; t++) {
        const same = rowOf(a, t, model.config.targetVocabSize).every(
          (value, c) => value === rowOf(b, t, model.config.targetVocabSize)[c],
        );
        if (t < place || t <= place + reach)
          expect(same, `logits at ${t} after a change at ${place}`).toBe(t < place);
      }
    }),
    { numRuns: 40 },
  );
}

/** `∂ out_i / ∂ in_j` of the decoder is exactly 0 for j > i and not 0 for j <= i. */
export function futureHasNoGradient(): void {
  const model = tinyModel();
  const [x, memory] = [leaf([1, 4, 8], 1, 'decoder input'), leaf([1, 3, 8], 1, 'memory')];
  for (let i = 0; i < 4; i++) {
    x.grad = undefined;
    const row = slice(model.decoder.forward(x, memory.detach()), 1, i, i + 1);
    backward(row, { grad: leaf([1, 1, 8], i, 'upstream').detach() });
    for (let j = 0; j < 4; j++) {
      const isZero = rowOf(gradientOf(x), j, 8).every((g) => g === 0);
      expect(isZero, `∂ out ${i} / ∂ in ${j}`).toBe(j > i);
    }
  }
}

/** Vectors at padding get a gradient of exactly 0 from the loss of the real tokens, in encoder and decoder. */
export function paddingGetsNoGradient(): void {
  const model = tinyModel();
  const mask = maskOf([[1, 1, 0, 0]], 'reference');
  const source = leaf([1, 4, 8], 2, 'source');
  const target = leaf([1, 4, 8], 2, 'target');
  const memory = model.encoder.forward(source, mask);
  const top = model.decoder.forward(target, memory, mask, mask);
  const upstream = leaf([1, 2, 8], 2, 'upstream').detach();
  backward(slice(top, 1, 0, 2), { grad: upstream });
  for (const x of [source, target]) {
    for (const t of [2, 3]) expect(rowOf(gradientOf(x), t, 8).every((g) => g === 0)).toBe(true);
    for (const t of [0, 1]) expect(rowOf(gradientOf(x), t, 8).every((g) => g !== 0)).toBe(true);
  }
}

/** The encoder is reached through cross-attention only: cut it, and no parameter of the encoder moves. */
export function encoderIsReachedThroughCrossAttention(): void {
  const batch: Batch = { source: [[3, 5, 4, 8, 7]], target: [[1, 6]], labels: [[6, 2]] };
  const model = tinyModel();
  const encoderGradients = (): [string, Float64Array][] =>
    [...trainOn(model, batch).gradients].filter(([path]) => /^(encoder|sourceEmbedding)\./.test(path));
  for (const [path, gradient] of encoderGradients()) {
    // A key's bias moves all scores of a query alike, so softmax gives it no gradient.
    if (!path.endsWith('key.bias'))
      expect(
        gradient.some((g) => g !== 0),
        path,
      ).toBe(true);
  }
  const one = noGrad(() => logitsOf(model, batch).data.slice());
  const otherSource = { ...batch, source: [[3, 5, 4, 8, 6]] };
  expect(noGrad(() => logitsOf(model, otherSource).data.slice())).not.toEqual(one);
  for (const [path, weight] of model.namedParameters())
    if (path.endsWith('crossAttention.output.weight')) weight.data.fill(0);
  for (const [path, gradient] of encoderGradients()) {
    expect(
      gradient.every((g) => g === 0),
      path,
    ).toBe(true);
  }
}

/** One table used three times gets the sum of what three equal tables get. */
export function tiedGradientIsTheSum(): void {
  const batch: Batch = { source: [[3, 5, 4]], target: [[1, 6, 3]], labels: [[6, 3, 2]] };
  const tied = tinyModel({ tieEmbeddings: 'all' });
  const apart = tinyModel({ tieEmbeddings: 'none' });
  const values = tied.stateDict();
  const table = values.get('sourceEmbedding.weight')!;
  for (const [path, parameter] of apart.namedParameters()) {
    parameter.data.set((values.get(path) ?? table).data);
  }
  const [one, three] = [trainOn(tied, batch, 0.1), trainOn(apart, batch, 0.1)];
  expectNear([one.loss], [three.loss], 1e-14, 'loss');
  const uses = ['sourceEmbedding.weight', 'targetEmbedding.weight', 'projection.weight'];
  const total = uses
    .map((path) => three.gradients.get(path)!)
    .reduce((a, b) => a.map((value, i) => value + b[i]!));
  expectNear(one.gradients.get('sourceEmbedding.weight')!, total, 1e-14, 'tied gradient');
  expect(tied.numParameters).toBe(apart.numParameters - 2 * table.size);
}

/** Token by token with caches gives the logits of the full pass over each prefix, also after a forced prefix. */
export function stepsEqualDecode(
  device = 'reference',
  configs: Kinds = [...kinds, { headDim: 3, valueDim: 5, position: 'none' }],
): void {
  const models = configs.map((config) => tinyModel(config, device).eval());
  const target = fc.array(token, { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...models), target, fc.nat({ max: 3 }), (model, list, forced) => {
      const source = [
        [3, 5, 4],
        [7, 2, PAD],
      ];
      const rows = [list, [...list].reverse()];
      noGrad(() => scope(() => compareSteps(model, source, rows, Math.min(forced, list.length - 1))));
    }),
    { numRuns: 25 },
  );
}

function compareSteps(model: Transformer, source: number[][], rows: number[][], forced: number): void {
  const device = model.sourceEmbedding.weight.device.name;
  const mask = maskOf(source, device);
  const memory = model.encode(idTensor(source, device), mask);
  const length = rows[0]!.length;
  const full = model.decode(idTensor(rows, device), memory, null, mask);
  const cache = model.startDecoding(memory, mask, length + 2);
  const width = model.config.targetVocabSize;
  for (let start = 0, end = forced + 1; start < length; start = end, end++) {
    const logits = model.step(
      idTensor(
        rows.map((row) => row.slice(start, end)),
        device,
      ),
      cache,
    );
    rows.forEach((_row, b) => {
      const expected = rowOf(full.data, b * length + end - 1, width);
      expectNear(rowOf(logits.data, b, width), expected, roundingOf(device), `logits after ${end} tokens`);
    });
  }
  expect(cache.length).toBe(length);
  cache.dispose();
}

/** After a reordering of the cache each row goes on as the row that it was taken from. */
export function cacheFollowsTheRows(device = 'reference'): void {
  const model = tinyModel({}, device).eval();
  const source = [
    [3, 5, 4],
    [7, 2, PAD],
    [6, PAD, PAD],
  ];
  const prefix = [
    [1, 4],
    [1, 5],
    [1, 6],
  ];
  const places = [2, 0, 0];
  const next = [[3], [4], [5]];
  noGrad(() =>
    scope(() => {
      const started = (order: readonly number[]) => {
        const mine = order.map((place) => source[place]!);
        const mask = maskOf(mine, device);
        const cache = model.startDecoding(model.encode(idTensor(mine, device), mask), mask, 4);
        model.step(
          idTensor(
            order.map((place) => prefix[place]!),
            device,
          ),
          cache,
        );
        return cache;
      };
      const moved = started([0, 1, 2]);
      moved.select(places);
      const straight = started(places);
      const [a, b] = [moved, straight].map((cache) => model.step(idTensor(next, device), cache).data.slice());
      expectNear(a!, b!, roundingOf(device), 'logits after select');
      moved.dispose();
      straight.dispose();
    }),
  );
}

/** A sentence gets the same logits alone and beside longer ones. */
export function batchMatesDoNotMatter(device = 'reference'): void {
  const models = kinds.map((config) => tinyModel(config, device).eval());
  const pair = fc.record({ source: tokens(5), target: tokens(5) });
  const pairs = fc.array(pair, { minLength: 2, maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...models), pairs, (model, sentences) => {
      const widest = (key: 'source' | 'target'): number => Math.max(...sentences.map((s) => s[key].length));
      const filled = (key: 'source' | 'target'): number[][] =>
        sentences.map((s) => [...s[key], ...pads(widest(key) - s[key].length)]);
      const run = (batch: Omit<Batch, 'labels'>): ArrayLike<number> =>
        noGrad(() => scope(() => logitsOf(model, batch).data.slice()));
      const together = run({ source: filled('source'), target: filled('target') });
      const vocab = model.config.targetVocabSize;
      sentences.forEach(({ source, target }, b) => {
        const alone = run({ source: [source], target: [target] });
        const mine = Array.from(together)
          .slice(b * widest('target') * vocab)
          .slice(0, target.length * vocab);
        expectNear(mine, alone, roundingOf(device), `sentence ${b}`);
      });
    }),
    { numRuns: 25 },
  );
}

/** Without positions the encoder is equivariant: f(PX) = P f(X). With them it is not. */
export function withoutPositionsOrderIsLost(): void {
  const shuffled = fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5, maxLength: 5 });
  const none = tinyModel({ position: 'none' });
  const sinusoidal = tinyModel({ position: 'sinusoidal' });
  const ids = [4, 7, 3, 8, 5];
  const encode = (model: Transformer, list: number[]): ArrayLike<number> =>
    noGrad(() => scope(() => model.encode(idTensor([list])).data.slice()));
  fc.assert(
    fc.property(shuffled, (order) => {
      const [straight, moved] = [
        encode(none, ids),
        encode(
          none,
          order.map((i) => ids[i]!),
        ),
      ];
      order.forEach((from, to) => {
        expectNear(rowOf(moved, to, 8), rowOf(straight, from, 8), 1e-12, `token ${from} at ${to}`);
      });
    }),
    { numRuns: 20 },
  );
  const [a, b] = [encode(sinusoidal, ids), encode(sinusoidal, [...ids].reverse())];
  const most = Math.max(...rowOf(a, 0, 8).map((value, c) => Math.abs(value - rowOf(b, 4, 8)[c]!)));
  expect(most, 'with positions').toBeGreaterThan(0.01);
}

/** Each of six unshared layers has its own gradient; six shared ones are one layer. */
export function layersHaveTheirOwnParameters(): void {
  const batch: Batch = { source: [[3, 5, 4]], target: [[1, 6, 3]], labels: [[6, 3, 2]] };
  const depth = { numEncoderLayers: 6, numDecoderLayers: 6 } as const;
  const [apart, shared] = [tinyModel(depth), tinyModel({ ...depth, shareLayers: true })];
  const path = 'selfAttention.value.weight';
  const perLayer = (model: Transformer, stack: string): string[] => {
    const { gradients } = trainOn(model, batch);
    return [...gradients]
      .filter(([name]) => name.startsWith(`${stack}.layers.`) && name.endsWith(path))
      .map(([, gradient]) => {
        expect(gradient.some((g) => g !== 0)).toBe(true);
        return gradient.join();
      });
  };
  for (const stack of ['encoder', 'decoder']) {
    expect(new Set(perLayer(apart, stack)).size).toBe(6);
    expect(perLayer(shared, stack)).toHaveLength(1);
  }
  const count = (model: Transformer): number => model.encoder.numParameters + model.decoder.numParameters;
  expect(count(apart)).toBe(6 * count(shared));
}

/** A shared layer's gradient is the sum over the places where it is used. */
export function sharedGradientIsTheSum(): void {
  const batch: Batch = { source: [[3, 5, 4]], target: [[1, 6, 3]], labels: [[6, 3, 2]] };
  const [shared, apart] = [tinyModel({ shareLayers: true }), tinyModel()];
  const values = shared.stateDict();
  for (const [path, parameter] of apart.namedParameters()) {
    parameter.data.set(values.get(path.replace('layers.1.', 'layers.0.'))!.data);
  }
  const [one, two] = [trainOn(shared, batch).gradients, trainOn(apart, batch).gradients];
  for (const [path, gradient] of one) {
    if (!path.includes('layers.0.')) continue;
    const second = two.get(path.replace('layers.0.', 'layers.1.'))!;
    const total = two.get(path)!.map((value, i) => value + second[i]!);
    expectNear(gradient, total, 1e-13, path);
  }
}

/** Table of vectors for positions: refuses a place beyond it, and only used rows get a gradient. */
export function learnedPositionsAreRows(): void {
  const model = tinyModel({ position: 'learned', maxSeqLen: 5 });
  const run = (length: number): Tensor =>
    model.encode(idTensor([Array.from({ length }, (_, i) => 1 + (i % 8))]));
  expect(() => run(6)).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
  const memory = run(3);
  backward(memory, { grad: leaf(memory.shape, 1, 'upstream').detach() });
  const gradient = gradientsOf(model).get('sourcePosition.weight')!;
  expect(gradient.subarray(3 * 8).every((g) => g === 0)).toBe(true);
  for (const t of [0, 1, 2]) expect(rowOf(gradient, t, 8).every((g) => g !== 0)).toBe(true);
}

/** The table of three uses against central differences. */
export function tiedTableHasItsGradient(): void {
  const depth = { numEncoderLayers: 1, numDecoderLayers: 1, dModel: 4 } as const;
  const model = tinyModel({ ...depth, tieEmbeddings: 'all' });
  const batch: Batch = { source: [[3, 5]], target: [[1, 5]], labels: [[5, 2]] };
  const gradient = trainOn(model, batch).gradients.get('sourceEmbedding.weight')!;
  const loss = (): number => Array.from(lossesOf(model, batch).data).reduce((a, b) => a + b, 0) / 2;
  expectNear(gradient, finiteDifferences(loss, model.sourceEmbedding.weight), 1e-8, 'tied table');
}

/** A batch of sentences of different lengths gets the average over tokens, not over places. */
export function gradientsAreAveragedOverTokens(device = 'reference'): void {
  const model = tinyModel({}, device);
  const objective = new Seq2SeqObjective(model, { padId: PAD, labelSmoothing: 0.1 });
  const specialTokens = { pad: PAD, bos: 1, eos: 2, unk: 3 };
  const tokenizers = { source: { specialTokens }, target: { specialTokens } } as unknown as Tokenizers;
  const pairs = [
    { source: [3, 5, 4], target: [6, 4, 7, 8] },
    { source: [7], target: [3] },
  ];
  const run = (list: typeof pairs, total: number): Map<string, Float64Array> => {
    model.zeroGrad();
    objective.trainOn(makeBatch(list, tokenizers), total);
    return gradientsOf(model);
  };
  const total = makeBatch(pairs, tokenizers).targetTokens;
  expect(total, 'end tokens count, padding does not').toBe(5 + 2);
  const together = run(pairs, total);
  const [first, second] = pairs.map((pair) => run([pair], total));
  for (const [path, gradient] of together) {
    const expected = first!.get(path)!.map((value, i) => value + second!.get(path)![i]!);
    expectNear(gradient, expected, 10 * roundingOf(device), path);
  }
}
