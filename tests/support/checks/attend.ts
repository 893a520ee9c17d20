/** What `attend` must do with each score, mask and distribution; loops over single numbers are the judge. */
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  attend,
  backward,
  hardDistribution,
  type Mask,
  mask,
  mul,
  noGrad,
  scope,
  softDistribution,
  sum,
  type Tensor,
} from '../../../src/index.ts';
import { roundingOf } from '../devices.ts';
import { expectGradients, finiteDifferences } from '../finite-differences.ts';
import { expectNear, gradientOf, leaf, rowOf } from '../numbers.ts';
import { type KnownScore, scoresOn, WIDTH } from '../score-functions.ts';

const VALUES = 2;
const small = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most });
const lookups = fc.record({
  seed: fc.nat(),
  batch: small(2),
  queries: small(4),
  keys: small(5),
  /** Whether the mask is one for all batch entries, and for all queries. */
  sharesBatch: fc.boolean(),
  sharesQueries: fc.boolean(),
});
type Sizes = typeof lookups extends fc.Arbitrary<infer T> ? T : never;

interface Lookup {
  readonly query: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly visible: Mask;
  /** Keys that a query sees. */
  readonly seen: (b: number, t: number) => readonly number[];
}

/** The first of several rows of a mask hides every key. */
function drawLookup(sizes: Sizes, device: string): Lookup {
  const { seed, batch, queries, keys: S, sharesBatch, sharesQueries } = sizes;
  const [B, T] = [sharesBatch ? 1 : batch, sharesQueries ? 1 : queries];
  const draws = leaf([B * T, S], seed, 'mask').data;
  const bits = Uint8Array.from(draws, (value, i) => Number((i >= S || B * T === 1) && value > -0.5));
  const query = leaf([batch, queries, WIDTH], seed, 'query', device);
  return {
    query,
    keys: leaf([batch, S, WIDTH], seed, 'keys', device),
    values: leaf([batch, S, VALUES], seed, 'values', device),
    visible: mask(bits, [B, T, S], { device: query.device }),
    seen: (b, t) => {
      const row = (sharesBatch ? 0 : b) * T + (sharesQueries ? 0 : t);
      return Array.from({ length: S }, (_, s) => s).filter((s) => bits[row * S + s] === 1);
    },
  };
}

/** Weights of the keys that are seen, from their scores. */
type SlowDistribution = (scores: readonly number[]) => readonly number[];

const soft: SlowDistribution = (scores) => {
  const exponentials = scores.map(Math.exp);
  const total = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((each) => each / total);
};

const hard: SlowDistribution = (scores) => {
  const best = scores.indexOf(Math.max(...scores));
  return scores.map((_, i) => Number(i === best));
};

function slowLookup(
  { query, keys, values, seen }: Lookup,
  score: KnownScore['loops'],
  distribution: SlowDistribution,
): { output: Float64Array; weights: Float64Array } {
  const [batch, T, S] = [query.shape[0]!, query.shape[1]!, keys.shape[1]!];
  const [output, weights] = [new Float64Array(batch * T * VALUES), new Float64Array(batch * T * S)];
  for (let row = 0; row < batch * T; row++) {
    const [b, t] = [Math.floor(row / T), row % T];
    const visible = seen(b, t);
    const q = rowOf(query.data, row, WIDTH);
    const own = distribution(visible.map((s) => score(q, rowOf(keys.data, b * S + s, WIDTH))));
    visible.forEach((s, i) => {
      weights[row * S + s] = own[i]!;
      for (let c = 0; c < VALUES; c++)
        output[row * VALUES + c]! += own[i]! * values.data[(b * S + s) * VALUES + c]!;
    });
  }
  return { output, weights };
}

/** Output and weights of every score under a mask are those of loops over the keys that are seen, soft and hard. */
export function maskedLookupEqualsLoops(device = 'reference'): void {
  const known = scoresOn(device);
  fc.assert(
    fc.property(lookups, fc.constantFrom(...known), fc.boolean(), (sizes, { score, loops }, isHard) =>
      scope(() => {
        const lookup = drawLookup(sizes, device);
        const { query, keys, values, visible } = lookup;
        const options = { score, mask: visible, ...(isHard && { distribution: hardDistribution() }) };
        const { output, weights } = noGrad(() => attend(query, keys, values, options));
        const expected = slowLookup(lookup, loops, isHard ? hard : soft);
        expectNear(weights.data, expected.weights, roundingOf(device), 'weights');
        expectNear(output.data, expected.output, roundingOf(device), 'output');
      }),
    ),
    { numRuns: 200 },
  );
}

const isZero = (values: ArrayLike<number>): boolean => Array.from(values).every((value) => value === 0);

/** A query without a key gets weights, an output and gradients of exactly 0, as does a key that nobody sees. */
export function lookupOfNothingIsZero(): void {
  const sizes = { seed: 3, batch: 1, queries: 2, keys: 3, sharesBatch: false, sharesQueries: false };
  for (const { name, score } of scoresOn('reference')) {
    for (const distribution of [softDistribution, hardDistribution()]) {
      const { query, keys, values } = drawLookup(sizes, 'reference');
      const visible = mask([0, 0, 0, 1, 0, 1], [1, 2, 3], { device: query.device });
      const { output, weights } = attend(query, keys, values, { score, distribution, mask: visible });
      expect(isZero(weights.data.subarray(0, 3)), `${name}: weights`).toBe(true);
      expect(weights.data[4]).toBe(0);
      expect(isZero(output.data.subarray(0, VALUES)), `${name}: output`).toBe(true);
      backward(sum(mul(output, leaf(output.shape, 1, 'upstream').detach())));
      expect(isZero(rowOf(gradientOf(query), 0, WIDTH)), `${name}: query that sees nothing`).toBe(true);
      expect(isZero(rowOf(gradientOf(keys), 1, WIDTH)), `${name}: key that nobody sees`).toBe(true);
      expect(isZero(rowOf(gradientOf(values), 1, VALUES)), `${name}: its value`).toBe(true);
      expect(isZero(rowOf(gradientOf(query), 1, WIDTH)), `${name}: query that sees two`).toBe(false);
    }
  }
}

/** A number that depends on every output, each in its own measure. */
function lossOf({ query, keys, values, visible }: Lookup, options: Parameters<typeof attend>[3]): Tensor {
  const { output } = attend(query, keys, values, { ...options, mask: visible });
  return sum(mul(output, leaf(output.shape, 1, 'upstream').detach()));
}

/** Gradients of every score under a mask are central differences. */
export function maskedLookupHasItsGradients(): void {
  for (const { name, score, parameters } of scoresOn('reference')) {
    fc.assert(
      fc.property(lookups, (sizes) => {
        const lookup = drawLookup(sizes, 'reference');
        const { query, keys, values } = lookup;
        const own = parameters.map((each, i): [string, Tensor] => [`weight ${i}`, each]);
        const leaves = [...Object.entries({ query, keys, values }), ...own];
        expectGradients(() => lossOf(lookup, { score }), leaves, name);
      }),
      { numRuns: 8 },
    );
  }
}

/**
 * A hard choice changes nothing when queries and keys move a little, so that its own gradient is 0; straight through,
 * they get the gradient of the softmax in its place. Values get that of the choice either way.
 */
export function hardLookupHasItsGradients(): void {
  const sizes = { seed: 8, batch: 2, queries: 3, keys: 4, sharesBatch: false, sharesQueries: true };
  for (const { name, score, parameters } of scoresOn('reference')) {
    const lookup = drawLookup(sizes, 'reference');
    const { query, keys, values } = lookup;
    const scoring = [query, keys, ...parameters];
    const chosen = { score, distribution: hardDistribution('none') };
    const slopes = (leaf: Tensor, options: Parameters<typeof attend>[3]): Float64Array =>
      finiteDifferences(() => lossOf(lookup, options).item(), leaf);

    backward(lossOf(lookup, chosen));
    expectNear(gradientOf(values), slopes(values, chosen), 1e-7, `${name}: values`);
    for (const each of scoring) {
      expect(isZero(each.grad?.data ?? []), `${name}: gradient of the choice`).toBe(true);
      expect(isZero(slopes(each, chosen)), `${name}: slope of the choice`).toBe(true);
    }

    for (const each of [values, ...scoring]) each.grad = undefined;
    backward(lossOf(lookup, { score, distribution: hardDistribution() }));
    expectNear(gradientOf(values), slopes(values, chosen), 1e-7, `${name}: values, straight through`);
    for (const each of scoring) expectNear(gradientOf(each), slopes(each, { score }), 1e-7, name);
    expect(isZero(gradientOf(query)), name).toBe(false);
  }
}
