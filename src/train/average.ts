/**
 * The mean of several sets of weights.
 *
 * Paper: Vaswani et al. 2017, §6.1 (the last 5 checkpoints; the last 20 for the big model).
 */
import { arrayOf } from '../core/dtype.ts';
import type { StoredTensor } from '../formats/safetensors.ts';

/** Element by element; all sets have the same names and shapes. */
export function averageWeights(
  sets: readonly ReadonlyMap<string, StoredTensor>[],
): Map<string, StoredTensor> {
  const [first] = sets;
  return new Map(
    [...first!].map(([name, { shape, dtype }]) => {
      const data = arrayOf(dtype, first!.get(name)!.data.length);
      for (let i = 0; i < data.length; i++) {
        let total = 0;
        for (const set of sets) total += set.get(name)!.data[i]!;
        data[i] = total / sets.length;
      }
      return [name, { shape, dtype, data }];
    }),
  );
}
