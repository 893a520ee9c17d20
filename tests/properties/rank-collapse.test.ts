/** Attention alone only averages: linear in the values, and of rank one after a few layers (inventory Q7). */
import { describe, expect, it } from 'vitest';
import {
  add,
  attend,
  MultiHeadAttention,
  noGrad,
  Random,
  scale,
  type Tensor,
  tensor,
} from '../../src/index.ts';
import { ParameterFreeAttention } from '../../src/nn/attention/parameter-free.ts';
import { expectNear, leaf } from '../support/numbers.ts';

const LENGTH = 16;
const WIDTH = 32;
const DEPTH = 6;

/** What is left of x `[T, C]` without the row that all rows come nearest to, as a share of it (Dong et al. 2021). */
function beyondRankOne({ data }: Tensor): number {
  const column = (c: number): number[] => Array.from({ length: LENGTH }, (_, t) => data[t * WIDTH + c]!);
  let [rest, all] = [0, 0];
  for (let c = 0; c < WIDTH; c++) {
    const values = column(c);
    const mean = values.reduce((a, b) => a + b, 0) / LENGTH;
    for (const value of values) {
      rest += (value - mean) ** 2;
      all += value ** 2;
    }
  }
  return Math.sqrt(rest / all);
}

function randomRows(seed: number): Tensor {
  const random = new Random(seed, 'rows');
  const values = Float64Array.from({ length: LENGTH * WIDTH }, () => random.normal());
  return tensor(values, [1, LENGTH, WIDTH], { device: 'reference' });
}

/** The share after each layer. */
function shares(layers: readonly ((x: Tensor) => Tensor)[], seed: number): number[] {
  let x = randomRows(seed);
  return noGrad(() =>
    layers.map((layer) => {
      x = layer(x);
      return beyondRankOne(x);
    }),
  );
}

function attentionLayers(seed: number): MultiHeadAttention[] {
  const context = { random: new Random(seed, 'init'), device: 'reference' };
  const options = { dModel: WIDTH, numHeads: 4, bias: false };
  return Array.from({ length: DEPTH }, () => new MultiHeadAttention(options, context));
}

describe('attention without anything beside it (E7, Q7)', () => {
  it('is linear in the values where queries and keys stay', () => {
    const [q, k] = [leaf([1, 4, 3], 1, 'q'), leaf([1, 5, 3], 1, 'k')];
    const [a, b] = [leaf([1, 5, 2], 1, 'a'), leaf([1, 5, 2], 2, 'b')];
    const of = (v: Tensor) => attend(q, k, v).output;
    expectNear(of(add(scale(a, 2), scale(b, -3))).data, add(scale(of(a), 2), scale(of(b), -3)).data, 1e-12);
  });

  it.each([1, 2, 3])('loses all but one direction, which a residual connection keeps, seed %i', (seed) => {
    const layers = attentionLayers(seed);
    const alone = shares(
      layers.map((layer) => (x) => layer.forward(x, x)),
      seed,
    );
    const beside = shares(
      layers.map((layer) => (x) => add(x, layer.forward(x, x))),
      seed,
    );
    const free = new ParameterFreeAttention({ dModel: WIDTH });
    const averaging = shares(
      layers.map(() => (x) => free.forward(x, x)),
      seed,
    );
    expect(alone[1]).toBeLessThan(0.1);
    expect(alone[2]).toBeLessThan(1e-5);
    expect(beside[DEPTH - 1]).toBeGreaterThan(0.3);
    averaging.forEach((share, i) => {
      expect(share).toBeLessThan(averaging[i - 1] ?? 1);
    });
  });
});
