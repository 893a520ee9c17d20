/** Kinds of attention layers: inventory E3–E7, E9, E14–E16, E20, and the switches of multi-head attention. */
import { describe, expect, it } from 'vitest';
import {
  type AttentionChoice,
  backward,
  ConfigError,
  mul,
  noGrad,
  Packing,
  Random,
  Segments,
  ShapeError,
  slice,
  softmax,
  sum,
  type Tensor,
  Transformer,
  type TransformerConfig,
  tensor,
} from '../../src/index.ts';
import { makeAttention } from '../../src/nn/attention/kinds.ts';
import type { AttendTo, AttentionLayer, AttentionSizes } from '../../src/nn/attention/layer.ts';
import { dropMask, fromDropMask } from '../../src/nn/attention/masks.ts';
import type { MultiHeadAttention } from '../../src/nn/attention/multi-head.ts';
import { capture } from '../../src/nn/capture.ts';
import { makePosition } from '../../src/nn/position/index.ts';
import { packedEqualsAlone, parametersMove } from '../support/checks/mechanisms.ts';
import { futureChangesNothing, paddingChangesNothing, stepsEqualDecode } from '../support/checks/model.ts';
import { finiteDifferences } from '../support/finite-differences.ts';
import { disturb } from '../support/models.ts';
import { expectNear, gradientOf, leaf } from '../support/numbers.ts';
import { slowSwitches } from '../support/slow-switches.ts';
import { titled } from '../support/titled.ts';

const choices: readonly AttentionChoice[] = [
  ...(['multi-head', 'local', 'talking-heads', 'additive', 'bilinear', 'hard', 'two-stage'] as const),
  'parameter-free',
  { kind: 'multi-head', numHeads: 1 },
  { kind: 'multi-head', numKvHeads: 1 },
  { kind: 'multi-head', tieQueryKey: true },
  { kind: 'multi-head', qkNorm: true, learnedScale: true },
  { kind: 'multi-head', softCap: 2, headGates: true },
  { kind: 'local', left: 1, right: 1 },
  { kind: 'hard', estimator: 'none' },
  { kind: 'multi-head', talkingHeads: true, numKvHeads: 1, qkNorm: true, softCap: 2 },
  { kind: 'talking-heads', tieQueryKey: true, learnedScale: true, headGates: true },
  { kind: 'local', left: 1, right: 1, numKvHeads: 1, qkNorm: true, softCap: 2, headGates: true },
  { kind: 'local', left: 2, right: 0, talkingHeads: true, numKvHeads: 1, learnedScale: true },
];
const rows = {
  ...{ additive: 'E4', bilinear: 'E5', hard: 'E6', 'parameter-free': 'E7', 'two-stage': 'E14', local: 'E20' },
  ...{ tieQueryKey: 'E9', numHeads: 'E15', headGates: 'E16' },
};
const named = choices.map((attention) => [titled(attention, rows), attention] as const);
const kindOf = (choice: AttentionChoice): string => (typeof choice === 'string' ? choice : choice.kind);

/** Whether positions cannot have a table for the heads of the model. */
function hasOwnHeads(choice: AttentionChoice): boolean {
  return kindOf(choice) === 'parameter-free' || (typeof choice === 'object' && 'numHeads' in choice);
}

/** How many places on two layers pass a change in any case. */
function reachOf(choice: AttentionChoice): number {
  if (kindOf(choice) === 'hard') return 0;
  return typeof choice === 'object' && 'left' in choice ? 2 * choice.left! : Infinity;
}

describe.each(named)('a model with attention %s', (_, attention) => {
  const isLocal = kindOf(attention) === 'local';
  const crossAttention: AttentionChoice = isLocal ? 'multi-head' : attention;
  const configs = [
    { attention, crossAttention },
    { attention, position: hasOwnHeads(attention) ? 'learned' : 'shaw' } as const,
  ];
  it('is the same with more padding, in outputs and gradients (F1)', () =>
    paddingChangesNothing('reference', configs));
  it('sees no later token (F2)', () => futureChangesNothing('reference', configs, reachOf(attention)));
  it('says with caches what it says in one pass (K5)', () => stepsEqualDecode('reference', configs));
  it('gives packed sequences the losses that they have alone, on every device (F11)', (context) =>
    packedEqualsAlone(context, configs[0]!));
  it('moves every one of its parameters', () => {
    const isBlind = typeof attention === 'object' && 'estimator' in attention;
    // A softmax does not see what all its scores have in common; additive ones are bent before.
    const except = isBlind ? /key\.|query\./ : attention === 'additive' ? /^$/ : /key\.bias/;
    parametersMove(configs[0]!, /Attention\./, { except, some: kindOf(attention) !== 'parameter-free' });
  });
});

const sizes: AttentionSizes = {
  ...{ role: 'encoder', dModel: 8, numHeads: 2, headDim: 4, valueDim: 4, dropout: 0, scale: 'sqrt' },
  maxSeqLen: 16,
};
const context = (seed = 1) => ({ random: new Random(seed, 'kinds'), device: 'reference' });
const make = (choice: AttentionChoice, seed = 1): AttentionLayer =>
  disturb(makeAttention(choice, sizes, context(seed)), seed);
const attend = (layer: AttentionLayer, x: Tensor): ArrayLike<number> =>
  noGrad(() => layer.forward(x, x)).data;

/** Gives one layer the parameters of another, where their names are the same. */
function copied<L extends AttentionLayer>(to: L, from: AttentionLayer): L {
  const values = new Map(from.namedParameters());
  for (const [name, value] of to.namedParameters()) value.data.set(values.get(name)?.data ?? value.data);
  return to;
}

const x = leaf([2, 5, 8], 3, 'x');

describe('switches of multi-head attention', () => {
  it('have heads of their own number, together as wide as those of the model (E15)', () => {
    const config = { sourceVocabSize: 9, targetVocabSize: 9, dModel: 8, dFf: 8, numHeads: 4 };
    const model = new Transformer({ ...config, crossAttention: { kind: 'multi-head', numHeads: 2 } });
    const [{ selfAttention, crossAttention }] = model.decoder.layers as never as [
      Readonly<Record<'selfAttention' | 'crossAttention', MultiHeadAttention>>,
    ];
    expect([selfAttention.numHeads, selfAttention.headDim, selfAttention.scale]).toEqual([4, 2, 2 ** -0.5]);
    expect([crossAttention.numHeads, crossAttention.headDim, crossAttention.scale]).toEqual([2, 4, 0.5]);
    expect(model.numParameters).toBe(new Transformer(config).numParameters);
  });

  it('a group of key heads equals as many query heads with equal keys', () => {
    const grouped = make({ kind: 'multi-head', numKvHeads: 1 }) as MultiHeadAttention;
    const full = copied(make('multi-head') as MultiHeadAttention, grouped);
    for (const side of ['key', 'value'] as const) {
      for (const part of ['weight', 'bias'] as const) {
        const { data } = grouped[side][part]!;
        full[side][part]!.data.set([...data, ...data]);
      }
    }
    expectNear(attend(grouped, x), attend(full, x), 1e-14, 'context');
    expect(grouped.numParameters).toBe(full.numParameters - 2 * (4 * 8 + 4));
  });

  it('tied queries and keys have symmetric scores and weights that are not (E9, Q18)', () => {
    const tied = make({ kind: 'multi-head', tieQueryKey: true });
    const { tensors } = noGrad(() => capture(tied, ['scores', 'weights'], () => tied.forward(x, x)));
    const at = ({ data }: Tensor, t: number, s: number): number => data[t * 5 + s]!;
    const [scores, weights] = [tensors.get('scores')!, tensors.get('weights')!];
    let asymmetry = 0;
    for (let t = 0; t < 5; t++) {
      for (let s = 0; s < 5; s++) {
        expect(at(scores, t, s)).toBeCloseTo(at(scores, s, t), 12);
        asymmetry = Math.max(asymmetry, Math.abs(at(weights, t, s) - at(weights, s, t)));
      }
    }
    expect(asymmetry).toBeGreaterThan(0.01);
    expect(tied.numParameters).toBe(make('multi-head').numParameters - (8 * 8 + 8));
  });

  it('a cap far above the scores changes nothing, a low one bends them to it', () => {
    const plain = make('multi-head');
    const capped = (softCap: number) => copied(make({ kind: 'multi-head', softCap }), plain);
    expectNear(attend(capped(1e6), x), attend(plain, x), 1e-9, 'high');
    const low = capped(0.5);
    const { tensors } = noGrad(() => capture(low, ['scores'], () => low.forward(x, x)));
    const { tensors: raw } = noGrad(() => capture(plain, ['scores'], () => plain.forward(x, x)));
    const bent = Array.from(raw.get('scores')!.data, (score) => 0.5 * Math.tanh(score / 0.5));
    expectNear(tensors.get('scores')!.data, bent, 1e-12, 'low');
  });

  it('normalised queries and keys do not see how long they are', () => {
    const layer = make({ kind: 'multi-head', qkNorm: true }) as MultiHeadAttention;
    const before = Array.from(attend(layer, x));
    for (const side of [layer.query, layer.key])
      for (const value of [side.weight, side.bias!]) value.data.set(value.data.map((v: number) => 100 * v));
    expectNear(attend(layer, x), before, 1e-5, 'context');
  });

  it('a gate is worth what the loss loses by it: the gradient is the finite difference (E16)', () => {
    const layer = make({ kind: 'multi-head', headGates: true }) as MultiHeadAttention;
    const upstream = leaf([2, 5, 8], 9, 'upstream').detach();
    const loss = (): Tensor => sum(mul(layer.forward(x, x), upstream));
    backward(loss());
    const importance = Array.from(gradientOf(layer.gates!));
    for (const h of [0, 1]) {
      const value = layer.gates!.data[h]!;
      layer.gates!.data[h] = value + 1e-5;
      const above = noGrad(loss).item();
      layer.gates!.data[h] = value - 1e-5;
      const below = noGrad(loss).item();
      layer.gates!.data[h] = value;
      expect((above - below) / 2e-5).toBeCloseTo(importance[h]!, 6);
    }
  });
});

describe('scores that are added one by one', () => {
  const bias = leaf([1, 2, 5, 5], 4, 'bias');
  const outputs = (layer: AttentionLayer, how: AttendTo): ArrayLike<number> =>
    noGrad(() => layer.forward(x, x, how)).data;

  it.each(['multi-head', 'local', 'additive', 'bilinear', 'two-stage'] as const)(
    '%s takes them: one of −∞ hides a key, one for all keys changes nothing',
    (kind) => {
      const layer = make(kind);
      const hiding = Array.from({ length: 25 }, (_, i) => (i % 5 === 3 ? -1e9 : 0));
      const mask = fromDropMask(dropMask([false, false, false, true, false], [1, 1, 1, 5]), {
        device: x.device,
      });
      const hidden = tensor(hiding, [1, 1, 5, 5], { device: 'reference' });
      expectNear(outputs(layer, { bias: hidden }), outputs(layer, { mask }), 1e-12, 'hidden');
      const rows = tensor([1, -2, 3, 4, 0.5], [1, 1, 5, 1], { device: 'reference' });
      expectNear(outputs(layer, { bias: rows }), outputs(layer, {}), 1e-12, 'equal for all keys');
    },
  );

  it('are seen with the scores, for each head its own', () => {
    const layer = make('multi-head');
    const seen = (how: AttendTo) =>
      noGrad(() => capture(layer, ['scores'], () => layer.forward(x, x, how))).tensors.get('scores')!.data;
    const [plain, added] = [seen({}), seen({ bias })];
    const wanted = Array.from(plain, (score, i) => score + bias.data[i % 50]!);
    expectNear(added, wanted, 1e-14, 'scores');
  });

  it('add up with the scores of positions, and reach each sequence of a packed batch', () => {
    const layer = make('multi-head') as MultiHeadAttention;
    const alibi = makePosition('alibi', { ...sizes, width: 8, numLayers: 1, causal: false }, context());
    const lengths = [3, 5, 2];
    const row = leaf([1, 10, 8], 5, 'row');
    const scores = leaf([3, 2, 5, 5], 6, 'scores');
    const segments = new Segments(new Packing(lengths, row.device));
    const position = alibi.inAttention(0);
    const together = noGrad(() => layer.forward(row, row, { mask: segments, bias: scores, position })).data;
    let start = 0;
    lengths.forEach((length, n) => {
      const alone = slice(row, 1, start, start + length);
      const own = slice(slice(slice(scores, 0, n, n + 1), 2, 0, length), 3, 0, length);
      const wanted = noGrad(() => layer.forward(alone, alone, { bias: own, position })).data;
      expectNear(together.slice(start * 8, (start + length) * 8), wanted, 1e-13, `sequence ${n}`);
      start += length;
    });
  });

  it.each(['linear', 'bigbird', 'linformer', 'parameter-free'] as const)('%s refuses them', (kind) => {
    const attendWith = (): Tensor => make(kind).forward(x, x, { bias });
    expect(attendWith).toThrow(ConfigError);
    expect(attendWith).toThrow('scores by distance, one by one, or capped');
  });

  it('must have a place for each pair', () => {
    const layer = make('multi-head');
    const narrow = leaf([1, 2, 5, 4], 4, 'bias');
    expect(() => layer.forward(x, x, { bias: narrow })).toThrow(ShapeError);
    expect(() => layer.forward(x, x, { bias: narrow })).toThrow('expected a bias [2, 2, 5, 5]');
  });
});

const every = { numKvHeads: 1, qkNorm: true, softCap: 1.5, learnedScale: true, headGates: true } as const;
const switches: readonly AttentionChoice[] = [
  { kind: 'multi-head', numHeads: 1 },
  { kind: 'local', left: 1, right: 1, numHeads: 4, numKvHeads: 2 },
  { kind: 'multi-head', ...every },
  { kind: 'multi-head', ...every, talkingHeads: true },
  { kind: 'talking-heads', tieQueryKey: true, softCap: 2 },
  { kind: 'local', left: 1, right: 2, ...every },
  { kind: 'local', left: 1, right: 1, ...every, talkingHeads: true },
];

describe('other mechanisms', () => {
  it('bilinear with W = I is unscaled dot-product attention (E5)', () => {
    const bilinear = make('bilinear');
    const dot = copied(
      disturb(makeAttention('multi-head', { ...sizes, scale: 'none' }, context()), 1) as MultiHeadAttention,
      bilinear,
    );
    const matrix = new Map(bilinear.namedParameters()).get('scoreMatrix')!;
    matrix.data.set(Array.from({ length: 32 }, (_, i) => Number(Math.floor((i % 16) / 4) === i % 4)));
    expectNear(attend(bilinear, x), attend(dot, x), 1e-14, 'context');
  });

  it('two stages of matrices are one: their product (E14)', () => {
    const two = make('two-stage');
    const one = copied(make('multi-head') as MultiHeadAttention, two);
    const parameters = new Map(two.namedParameters());
    for (const [side, first] of [
      ['query', 'firstQuery'],
      ['key', 'firstKey'],
      ['value', 'firstValue'],
    ] as const) {
      const [outer, inner] = [parameters.get(`${side}.weight`)!, parameters.get(`${first}.weight`)!];
      one[side].weight.data.set(product(outer.data, inner.data));
    }
    expectNear(attend(two, x), attend(one, x), 1e-13, 'context');
  });

  it('heads that do not talk are multi-head attention; heads that swap weights swap contexts', () => {
    const talking = make('talking-heads');
    const plain = copied(make('multi-head'), talking);
    const parameters = new Map(talking.namedParameters());
    for (const name of ['scoreMix', 'weightMix']) parameters.get(name)!.data.set([1, 0, 0, 1]);
    expectNear(attend(talking, x), attend(plain, x), 1e-14, 'identity');
    for (const name of ['scoreMix', 'weightMix']) parameters.get(name)!.data.set([0, 1, 1, 0]);
    expectNear(attend(talking, x), attend(plain, x), 1e-14, 'swapped twice');
    parameters.get('scoreMix')!.data.set([1, 0, 0, 1]);
    expect(Math.abs(attend(talking, x)[0]! - attend(plain, x)[0]!)).toBeGreaterThan(1e-3);
  });

  it('talking heads are a switch of multi-head attention', () => {
    const options = { numKvHeads: 1, qkNorm: true } as const;
    const named = make({ kind: 'talking-heads', ...options });
    const switched = copied(make({ kind: 'multi-head', talkingHeads: true, ...options }, 2), named);
    expect(attend(switched, x)).toEqual(attend(named, x));
  });

  it.each(switches)('%j equals loops over heads, queries and keys', (choice) => {
    const layer = make(choice) as MultiHeadAttention;
    expectNear(attend(layer, x), slowSwitches(layer, x), 1e-12, 'context');
  });

  it.each(switches)('%j has the gradients of central differences', (choice) => {
    const layer = make(choice) as MultiHeadAttention;
    const upstream = leaf([2, 5, 8], 7, 'upstream').detach();
    const loss = (): Tensor => sum(mul(layer.forward(x, x), upstream));
    x.grad = undefined;
    backward(loss());
    for (const [name, value] of [['x', x] as const, ...layer.namedParameters()]) {
      const wanted = finiteDifferences(() => loss().item(), value);
      expectNear(gradientOf(value), wanted, 1e-7, name);
    }
  });

  it('hard attention is the limit of cold softmax, and its plain gradient is exactly 0 (E6)', () => {
    const hard = make('hard') as MultiHeadAttention;
    const cold = copied(make('multi-head') as MultiHeadAttention, hard);
    for (const value of [cold.query.weight, cold.query.bias!])
      value.data.set(value.data.map((v: number) => 1e5 * v));
    expectNear(attend(hard, x), attend(cold, x), 1e-9, 'limit');
    const gradients = (estimator: 'none' | 'straight-through'): number[][] => {
      const layer = make({ kind: 'hard', estimator }) as MultiHeadAttention;
      backward(sum(layer.forward(x, x)));
      return [layer.query, layer.key].map(({ weight }) => Array.from(weight.grad?.data ?? [0]));
    };
    expect(
      gradients('none')
        .flat()
        .every((g) => g === 0),
    ).toBe(true);
    expect(
      gradients('straight-through')
        .flat()
        .some((g) => g !== 0),
    ).toBe(true);
  });

  it('without parameters every output is an average of the vectors (E7)', () => {
    const free = make('parameter-free');
    expect(free.numParameters).toBe(0);
    const out = attend(free, x);
    const rows = Array.from({ length: 5 }, (_, t) => Array.from({ length: 8 }, (_, c) => x.data[t * 8 + c]!));
    const scores = rows.map((q) =>
      rows.map((k) => q.reduce((total, v, c) => total + v * k[c]!, 0) / Math.sqrt(8)),
    );
    const weights = noGrad(() => softmax(tensor(scores, undefined, { device: 'reference' })));
    const expected = rows.map((_, t) =>
      rows[0]!.map((_, c) => rows.reduce((total, row, s) => total + weights.data[t * 5 + s]! * row[c]!, 0)),
    );
    expectNear(Array.from(out).slice(0, 40), expected.flat(), 1e-13, 'averages');
  });
});

/** `A B` of two 8 × 8 matrices. */
function product(a: ArrayLike<number>, b: ArrayLike<number>): number[] {
  return Array.from({ length: 64 }, (_, i) => {
    let total = 0;
    for (let k = 0; k < 8; k++) total += a[Math.floor(i / 8) * 8 + k]! * b[k * 8 + (i % 8)]!;
    return total;
  });
}

describe('choices that cannot be used', () => {
  it.each([
    [{ attention: 'multihead' }, 'did you mean "multi-head"?'],
    [
      { attention: { kind: 'multi-head', numKvHeads: 3 } },
      'expected numHeads (4) to be a multiple of numKvHeads, got 3',
    ],
    [
      { attention: { kind: 'multi-head', numHeads: 3 } },
      'attention: multi-head: expected numHeads to divide the width of all heads (8), got 3',
    ],
    [
      { crossAttention: { kind: 'multi-head', numHeads: 2, numKvHeads: 4 } },
      'crossAttention: multi-head: expected numHeads (2) to be a multiple of numKvHeads, got 4',
    ],
    [
      { attention: { kind: 'multi-head', numHeads: 2 }, position: 'alibi' },
      'attention: multi-head: position alibi is made for the 4 heads of the model, got numHeads 2',
    ],
    [
      {
        crossAttention: { kind: 'multi-head', numHeads: 4 },
        prunedHeads: { 'decoder.layers.0.crossAttention': [1] },
      },
      'only multi-head attention with the heads of the model',
    ],
    [
      { attention: { kind: 'multi-head', numKvHeads: 2, tieQueryKey: true } },
      'as many key heads as query heads',
    ],
    [{ attention: { kind: 'local', left: 0, right: 0 } }, 'a window of 0'],
    [
      { decoderAttention: { kind: 'local', left: 0, right: 5 } },
      'decoderAttention: local: a window of 0 sees nothing but the token itself, because no later token may be seen; expected left of at least 1',
    ],
    [
      { encoderAttention: { kind: 'bigbird', window: 0, globals: 0, random: 0 } },
      'encoderAttention: bigbird: a window of 0 without global and random blocks sees nothing but the own block',
    ],
    [
      { attention: { kind: 'local', left: 1, numKvHeads: 3 } },
      'attention: local: expected numHeads (4) to be a multiple of numKvHeads, got 3',
    ],
    [
      { attention: { kind: 'multi-head', guidedWeight: 1 } },
      'guidedWeight draws attention between two texts to the diagonal; choose it for crossAttention',
    ],
    [
      { crossAttention: { kind: 'multi-head', guidedWidth: 0.3 } },
      'crossAttention: multi-head: guidedWidth (0.3) does nothing without guidedWeight',
    ],
    [
      { attention: ['local', 'global'] },
      'attention: expected one kind, got ["local","global"]; kinds exclude each other; write attention: local or attention: global',
    ],
    [
      { attention: 'bilinear', attentionScale: 'linear' },
      'attentionScale: goes not with attention bilinear: its scores are unscaled',
    ],
    [{ attention: 'additive', attentionScale: 't5' }, 'attentionScale: goes not with attention additive'],
    [
      { attention: 'additive', position: 'rope' },
      'rope turns queries and keys for scores that are their products',
    ],
    [{ attention: 'linear', attentionScale: 'linear' }, 'attentionScale: goes not with attention linear'],
    [
      { attention: 'linear', attentionDropout: 0.2 },
      'attentionDropout: goes not with attention linear: it makes no weights that could be dropped; leave it out, got 0.2',
    ],
    [
      { attention: 'parameter-free', position: 'rope' },
      'attention: parameter-free: position rope works on projections, which it has not',
    ],
    [{ attention: 'parameter-free', valueDim: 3 }, 'valueDim: goes not with attention parameter-free'],
    [
      { feedForward: 'geglu', activation: 'tanh' },
      'activation: goes not with feedForward geglu, whose gate has an activation of its own (gelu); leave it out, got "tanh"',
    ],
    [
      { feedForward: { kind: 'moe', expert: 'swiglu' }, activation: 'tanh' },
      'activation: goes not with feedForward moe, whose gate has an activation of its own (silu)',
    ],
    [
      { normPlacement: 'prae' },
      'normPlacement: expected one of post, pre, deep, got "prae"; did you mean "pre"?',
    ],
    [{ activation: 'gleu' }, 'got "gleu"; did you mean "gelu"?'],
    [{ attentionScale: 'sqr' }, 'got "sqr"; did you mean "sqrt"?'],
    [{ tieEmbeddings: 'targets' }, 'got "targets"; did you mean "target"?'],
    [{ crossAttention: 'local' }, 'crossAttention: local: a window needs queries and keys of one text'],
    [
      { decoderAttention: { kind: 'hard', estimator: 'reinforce' } },
      'decoderAttention.estimator: expected one of',
    ],
  ])('%j: %s', (fields, message) => {
    const config = { sourceVocabSize: 9, targetVocabSize: 9, dModel: 8, dFf: 8, numHeads: 4 };
    const build = (): Transformer => new Transformer({ ...config, ...(fields as object) });
    expect(build).toThrow(ConfigError);
    expect(build).toThrow(message);
  });

  it.each<[Partial<TransformerConfig>]>([
    [{ encoderAttention: { kind: 'local', left: 0, right: 5 }, numEncoderLayers: 1 }],
    [{ encoderAttention: 'linear', attentionDropout: 0.2 }], // the decoder has weights to drop
    [{ attention: 'bilinear', attentionScale: 'none' }], // what it does
    [{ feedForward: 'swiglu', activation: 'silu' }],
    [{ feedForward: 'swiglu', activation: 'tanh', blockwise: 2 }], // heads for later tokens have it
  ])('%j is no clash', (fields) => {
    const sizes = { sourceVocabSize: 9, targetVocabSize: 9, dModel: 8, dFf: 8, numHeads: 4 };
    expect(() => new Transformer({ ...sizes, ...fields })).not.toThrow();
  });
});

it('linear maps of a layer keep their names in the tree, tied ones once', () => {
  const names = make({ kind: 'multi-head', tieQueryKey: true })
    .namedParameters()
    .map(([name]) => name);
  expect(names).toEqual([
    'query.weight',
    'query.bias',
    'value.weight',
    'value.bias',
    'output.weight',
    'output.bias',
  ]);
});
