import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StoredTensor } from '../formats/safetensors.ts';
import { averageWeights } from './average.ts';

function weights(values: readonly number[]): Map<string, StoredTensor> {
  const half = values.length / 2;
  const stored = (some: readonly number[]): StoredTensor => ({
    shape: [some.length],
    dtype: 'float32',
    data: Float32Array.from(some),
  });
  return new Map([
    ['a', stored(values.slice(0, half))],
    ['b', stored(values.slice(half))],
  ]);
}

test('every element is the mean over the sets, rounded once', () => {
  const row = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
    minLength: 6,
    maxLength: 6,
  });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 7 }), (rows) => {
      const mean = averageWeights(rows.map(weights));
      const flat = [...mean.get('a')!.data, ...mean.get('b')!.data];
      const expected = rows[0]!.map((_, i) =>
        Math.fround(rows.reduce((sum, r) => sum + r[i]!, 0) / rows.length),
      );
      expect(flat).toEqual(expected);
    }),
  );
});

test('one set is its own mean, and the sets stay as they were', () => {
  const set = weights([1, 2, 3, 4]);
  expect(averageWeights([set])).toEqual(set);
  averageWeights([set, weights([9, 9, 9, 9])]);
  expect(set).toEqual(weights([1, 2, 3, 4]));
});
