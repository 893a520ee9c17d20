/** Additive attention in heads against loops over single numbers. */
import fc from 'fast-check';
import { additiveAttention, noGrad, scope, tensor } from '../../../src/index.ts';
import { roundingOf } from '../devices.ts';
import { expectNear, leaf } from '../numbers.ts';

const lengths = fc.array(
  fc.record({ queries: fc.integer({ min: 0, max: 4 }), keys: fc.integer({ min: 0, max: 5 }) }),
  { minLength: 1, maxLength: 3 },
);

/** Heads of sequences in a row, causal or not, keys masked or not, as loops have them. */
export function additiveHeadsEqualLoops(device = 'reference'): void {
  const heads = fc.integer({ min: 1, max: 3 });
  fc.assert(
    fc.property(lengths, heads, fc.boolean(), fc.boolean(), fc.nat(), (sequences, H, causal, masked, seed) =>
      scope(() => {
        const starts = (side: 'queries' | 'keys'): number[] => {
          let end = 0;
          return [0, ...sequences.map((each) => (end += each[side]))];
        };
        const [from, to] = [starts('queries'), starts('keys')];
        const [D, E] = [3, 2];
        const query = leaf([1, from.at(-1)!, H * D], seed, 'query', device);
        const key = leaf([1, to.at(-1)!, H * D], seed, 'key', device);
        const value = leaf([1, to.at(-1)!, H * E], seed, 'value', device);
        const vector = leaf([H, D], seed, 'vector', device);
        const bits = Uint8Array.from({ length: to.at(-1)! }, (_, s) => Number((s * 7 + seed) % 3 > 0));
        const mask = masked ? tensor(bits, [1, 1, 1, bits.length], { dtype: 'bool', device }) : null;
        const segments = tensor([...from, ...to], [2, from.length], { dtype: 'int32', device });
        const output = noGrad(() => additiveAttention(query, key, value, vector, { mask, segments, causal }));
        const expected = new Float64Array(from.at(-1)! * H * E);
        sequences.forEach((_, n) => {
          for (let t = from[n]!; t < from[n + 1]!; t++) {
            for (let h = 0; h < H; h++) {
              const seen = Array.from({ length: to[n + 1]! - to[n]! }, (_, i) => to[n]! + i).filter(
                (s, i) => (!causal || i <= t - from[n]!) && (!masked || bits[s] === 1),
              );
              const scores = seen.map((s) => {
                let score = 0;
                for (let d = 0; d < D; d++) {
                  const inner = query.data[(t * H + h) * D + d]! + key.data[(s * H + h) * D + d]!;
                  score += vector.data[h * D + d]! * Math.tanh(inner);
                }
                return Math.exp(score);
              });
              const sum = scores.reduce((total, score) => total + score, 0);
              seen.forEach((s, i) => {
                for (let e = 0; e < E; e++)
                  expected[(t * H + h) * E + e]! += (scores[i]! / sum) * value.data[(s * H + h) * E + e]!;
              });
            }
          }
        });
        expectNear(output.data, expected, roundingOf(device), 'heads');
      }),
    ),
    { numRuns: 40 },
  );
}
