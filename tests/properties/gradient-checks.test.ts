/** Gradients against central differences in float64, shapes drawn as the test runs: inventory E2–E4, I10, I11. */
import fc from 'fast-check';
import { describe, it } from 'vitest';
import {
  add,
  additiveAttention,
  additiveScore,
  attend,
  attention,
  dotScore,
  mul,
  Packing,
  Random,
  Recurrent,
  type RecurrentCell,
  type RecurrentState,
  Sequences,
  sum,
  type Tensor,
} from '../../src/index.ts';
import { expectGradients } from '../support/finite-differences.ts';
import { disturb } from '../support/models.ts';
import { leaf } from '../support/numbers.ts';

const small = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most });

/** A number that depends on every element of a result, each in its own measure. */
const weighed = (result: Tensor, seed: number): Tensor =>
  sum(mul(result, leaf(result.shape, seed, 'upstream').detach()));

const shapes = fc.record({
  seed: fc.nat(),
  batch: small(2),
  queries: small(4),
  keys: small(5),
  heads: small(3),
  width: small(5),
  valueWidth: small(4),
});

describe('soft lookup', () => {
  it('by dot products, as they are and scaled (E2, E3)', () => {
    fc.assert(
      fc.property(shapes, fc.boolean(), (s, causal) => {
        const { seed, heads: numHeads } = s;
        const query = leaf([s.batch, s.queries, s.width], seed, 'query');
        const key = leaf([s.batch, s.keys, s.width], seed, 'key');
        const value = leaf([s.batch, s.keys, s.valueWidth], seed, 'value');
        const leaves = Object.entries({ query, key, value });
        expectGradients(() => weighed(attend(query, key, value, { score: dotScore }).output, seed), leaves);
        const q = leaf([s.batch, s.queries, numHeads * s.width], seed, 'q');
        const k = leaf([s.batch, s.keys, numHeads * s.width], seed, 'k');
        const v = leaf([s.batch, s.keys, numHeads * s.valueWidth], seed, 'v');
        for (const scale of [1, s.width ** -0.5]) {
          const options = { numHeads, scale, causal };
          expectGradients(
            () => weighed(attention(q, k, v, null, options), seed),
            Object.entries({ q, k, v }),
          );
        }
      }),
      { numRuns: 15 },
    );
  });

  it('by a network, in one head and several (E4)', () => {
    fc.assert(
      fc.property(shapes, fc.boolean(), (s, causal) => {
        const { seed, heads, width } = s;
        const query = leaf([s.batch, s.queries, 3], seed, 'query');
        const key = leaf([s.batch, s.keys, 2], seed, 'key');
        const value = leaf([s.batch, s.keys, s.valueWidth], seed, 'value');
        const [W, U] = [leaf([width, 3], seed, 'W'), leaf([width, 2], seed, 'U')];
        const v = leaf([width], seed, 'v');
        const score = additiveScore(W, U, v);
        const leaves = Object.entries({ query, key, value, W, U, v });
        expectGradients(() => weighed(attend(query, key, value, { score }).output, seed), leaves, 'attend:');

        const q = leaf([1, s.queries, heads * width], seed, 'q');
        const k = leaf([1, s.keys, heads * width], seed, 'k');
        const values = leaf([1, s.keys, heads * s.valueWidth], seed, 'values');
        const vector = leaf([heads, width], seed, 'vector');
        expectGradients(
          () => weighed(additiveAttention(q, k, values, vector, { causal }), seed),
          Object.entries({ q, k, values, vector }),
          'heads:',
        );
      }),
      { numRuns: 15 },
    );
  });
});

describe('through time (I10, I11)', () => {
  const layers = fc.record({
    seed: fc.nat(),
    inputWidth: small(3),
    width: small(4),
    numLayers: small(2),
    bidirectional: fc.boolean(),
    lengths: fc
      .array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 3 })
      .filter((lengths) => lengths.some((length) => length > 0)),
  });

  it.each<RecurrentCell>(['elman', 'lstm', 'gru'])('of every weight, input and first state: %s', (cell) => {
    fc.assert(
      fc.property(layers, ({ seed, lengths, ...sizes }) => {
        const context = { random: new Random(seed, 'recurrent'), device: 'reference' };
        const model = disturb(new Recurrent({ cell, ...sizes }, context), seed);
        const x = leaf([1, lengths.reduce((a, b) => a + b, 0), sizes.inputWidth], seed, 'x');
        const sequences = Sequences.packed(new Packing(lengths, x.device));
        const state = (purpose: string): Tensor => leaf([lengths.length, sizes.width], seed, purpose);
        const start = model.layers.map((_, i) =>
          (sizes.bidirectional ? ['ahead', 'back'] : ['ahead']).map(
            (side): RecurrentState => ({
              hidden: state(`hidden ${i} ${side}`),
              cell: cell === 'lstm' ? state(`cell ${i} ${side}`) : null,
            }),
          ),
        );
        const first = start.flat().flatMap(({ hidden, cell: own }) => (own ? [hidden, own] : [hidden]));
        const loss = (): Tensor => {
          const { output, states } = model.forward(x, sequences, start);
          return states
            .flat()
            .flatMap(({ hidden, cell: own }) => (own ? [hidden, own] : [hidden]))
            .reduce((total, last, i) => add(total, weighed(last, seed + i)), weighed(output, seed));
        };
        const leaves = [...model.namedParameters(), ['x', x] as const];
        expectGradients(loss, [...leaves, ...first.map((own, i) => [`state ${i}`, own] as const)], cell);
      }),
      { numRuns: 12 },
    );
  });
});
