/** What recurrent layers remember: how gradients fade through time, and a task that needs a long memory (I10, I11). */
import { describe, expect, it, test } from 'vitest';
import {
  Adam,
  backward,
  crossEntropy,
  Embedding,
  Linear,
  Module,
  Random,
  Recurrent,
  type RecurrentCell,
  Sequences,
  scope,
  slice,
  sum,
  type Tensor,
  tensor,
} from '../src/index.ts';
import { needDevice } from './support/devices.ts';
import { expectNear, gradientOf, leaf, norm, rowOf } from './support/numbers.ts';

const STEPS = 40;
const WIDTH = 8;

/** A layer whose product with the state shrinks: W = 0.8 times a random matrix of spectral radius about 1. */
function fading(cell: RecurrentCell, forgetBias = 1): Recurrent {
  const options = { cell, inputWidth: 3, width: WIDTH, forgetBias };
  const model = new Recurrent(options, { random: new Random(2, 'fading'), device: 'reference' });
  const random = new Random(2, 'weight');
  const { weight } = model.layers[0]!.ahead;
  for (let i = 0; i < weight.size; i++) weight.data[i] = (0.8 / Math.sqrt(WIDTH)) * random.normal();
  return model;
}

/** `|∂ Σ h_T / ∂ x_t|` for every step t. */
function gradientNorms(model: Recurrent, x: Tensor): number[] {
  const { output } = model.forward(x, Sequences.padded([STEPS], STEPS, x.device));
  backward(sum(slice(output, 1, -1)));
  const gradient = gradientOf(x);
  return Array.from({ length: STEPS }, (_, t) => norm(rowOf(gradient, t, 3)));
}

/** The same as the product of the Jacobians `diag(1 − h_t²) W` of every step (Pascanu et al. 2013, eq. 5). */
function jacobianNorms(model: Recurrent, x: Tensor): number[] {
  const { output } = model.forward(x, Sequences.padded([STEPS], STEPS, x.device));
  const { weight, input } = model.layers[0]!.ahead;
  let upstream: number[] = new Array(WIDTH).fill(1);
  const norms = new Array<number>(STEPS);
  for (let t = STEPS - 1; t >= 0; t--) {
    const inner = rowOf(output.data, t, WIDTH).map((h, j) => upstream[j]! * (1 - h * h));
    const times = (matrix: Tensor, columns: number): number[] =>
      Array.from({ length: columns }, (_, c) =>
        inner.reduce((total, g, j) => total + g * matrix.data[j * columns + c]!, 0),
      );
    norms[t] = norm(times(input.weight, 3));
    upstream = times(weight, WIDTH);
  }
  return norms;
}

describe('the gradient through time', () => {
  const x = () => leaf([1, STEPS, 3], 1, 'inputs');

  it('of an Elman network is the product of its Jacobians, and fades (I10)', () => {
    const norms = gradientNorms(fading('elman'), x());
    const expected = jacobianNorms(fading('elman'), x());
    norms.forEach((value, t) => {
      expectNear([value / expected[t]!], [1], 1e-9, `step ${t}`);
    });
    expect(norms[0]! / norms[STEPS - 1]!).toBeLessThan(1e-5);
    // A straight line in the logarithm: each quarter of the way loses about as much as the others.
    const lost = [0, 10, 20].map((t) => Math.log(norms[t + 10]! / norms[t]!));
    for (const loss of lost) expect(loss).toBeGreaterThan(1);
  });

  it('of an LSTM that remembers hardly fades (I11)', () => {
    const [elman, lstm] = [gradientNorms(fading('elman'), x()), gradientNorms(fading('lstm', 5), x())];
    const share = (norms: readonly number[]): number => norms[0]! / norms[STEPS - 1]!;
    expect(share(lstm)).toBeGreaterThan(1000 * share(elman));
    expect(share(lstm)).toBeGreaterThan(1e-3);
  });
});

const SYMBOLS = 4;
const NOISE = 4;

/** Names the first symbol after a long run of noise. */
class Rememberer extends Module {
  readonly embedding: Embedding;
  readonly recurrent: Recurrent;
  readonly answer: Linear;

  constructor(cell: RecurrentCell, seed: number) {
    super();
    const context = { random: new Random(seed, 'init'), device: 'native' };
    this.embedding = new Embedding(SYMBOLS + NOISE, 16, context, { std: 1 });
    this.recurrent = new Recurrent({ cell, inputWidth: 16, width: 32, forgetBias: 3 }, context);
    this.answer = new Linear(32, SYMBOLS, context);
  }

  forward(ids: Tensor): Tensor {
    const [batch, length] = ids.shape as [number, number];
    const sequences = Sequences.padded(new Array(batch).fill(length), length, ids.device);
    const { states } = this.recurrent.forward(this.embedding.forward(ids), sequences);
    return this.answer.forward(states[0]![0]!.hidden); // [B, symbols]
  }
}

function examples(random: Random, batch: number, gap: number) {
  const ids = new Int32Array(batch * (gap + 1));
  for (let i = 0; i < ids.length; i++) ids[i] = SYMBOLS + random.integer(NOISE);
  const labels = Int32Array.from({ length: batch }, () => random.integer(SYMBOLS));
  labels.forEach((label, b) => {
    ids[b * (gap + 1)] = label;
  });
  const on = { dtype: 'int32', device: 'native' } as const;
  return { ids: tensor(ids, [batch, gap + 1], on), labels: tensor(labels, [batch], on) };
}

/** Share of right answers after training on a gap of that length. */
function learned(cell: RecurrentCell, gap: number, seed: number): number {
  const model = new Rememberer(cell, seed);
  const adam = new Adam(model.namedParameters());
  const random = new Random(seed, 'examples');
  for (let step = 0; step < 400; step++) {
    scope(() => {
      const { ids, labels } = examples(random, 32, gap);
      backward(sum(crossEntropy(model.forward(ids), labels)));
      adam.step(0.005, 1 / 32);
      model.zeroGrad();
    });
  }
  return scope(() => {
    const { ids, labels } = examples(new Random(seed, 'test'), 400, gap);
    const { data } = model.forward(ids);
    const best = Array.from({ length: 400 }, (_, b) => {
      const row = rowOf(data, b, SYMBOLS);
      return row.indexOf(Math.max(...row));
    });
    return best.filter((symbol, b) => symbol === labels.data[b]).length / 400;
  });
}

test('a symbol is remembered over 40 steps of noise by an LSTM, and by no Elman network (I11)', {
  timeout: 180_000,
}, (context) => {
  needDevice(context, 'native');
  const [lstm, elman] = (['lstm', 'elman'] as const).map((cell) =>
    [1, 2, 3].map((seed) => learned(cell, 40, seed)),
  );
  const chance = 1 / SYMBOLS;
  expect(Math.min(...lstm!)).toBeGreaterThan(0.95);
  expect(Math.max(...elman!)).toBeLessThan(2 * chance);
});
